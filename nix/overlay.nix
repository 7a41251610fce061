# `erofs-writer`, `makeErofsStoreImage`, and `erofs-utils` with our mkfs.erofs.
final: prev: {
  erofs-writer = final.callPackage ./package.nix { };

  # Takes what erofs-utils itself takes in `override`.
  erofs-utils = final.lib.makeOverridable (
    arguments:
    import ./erofs-utils.nix {
      inherit (final) lib runCommandLocal erofs-writer;
      erofs-utils = prev.erofs-utils.override arguments;
    }
  ) { };

  makeErofsStoreImage = final.callPackage ./make-store-image.nix { };
}
