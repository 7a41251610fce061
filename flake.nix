{
  description = "Writes EROFS images: a command that replaces mkfs.erofs, and store images for NixOS";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      # Those of them that Nixpkgs still has.
      systems = lib.intersectLists lib.systems.flakeExposed [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forAllSystems = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      erofsWriter = pkgs: pkgs.callPackage ./nix/package.nix { };
      makeImage =
        pkgs: pkgs.callPackage ./nix/make-store-image.nix { erofs-writer = erofsWriter pkgs; };
    in
    {
      packages = forAllSystems (pkgs: rec {
        default = erofs-writer;
        erofs-writer = erofsWriter pkgs;
        erofs-utils = pkgs.callPackage ./nix/erofs-utils.nix { inherit erofs-writer; };
      });

      overlays.default = import ./nix/overlay.nix;

      # `makeErofsStoreImage { inherit pkgs; rootPaths = ...; }`
      lib.makeErofsStoreImage =
        { pkgs, ... }@arguments: makeImage pkgs (removeAttrs arguments [ "pkgs" ]);

      nixosModules = {
        # The overlay.
        default = ./nix/modules/default.nix;
        microvm = ./nix/modules/microvm.nix;
        qemu-isolation = ./nix/modules/qemu-isolation.nix;
        qemu-store-image = ./nix/modules/qemu-store-image.nix;
        netboot = ./nix/modules/netboot.nix;
      };

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);

      checks = forAllSystems (pkgs: {
        package = erofsWriter pkgs;
        # The modules, evaluated by the module system of Nixpkgs itself.
        modules =
          let
            failures = import ./nix/tests/eval.nix { inherit lib; };
          in
          assert lib.assertMsg (failures == [ ]) (lib.concatStringsSep "\n" failures);
          pkgs.runCommandLocal "erofs-writer-modules" { } "touch $out";
        store-image =
          pkgs.runCommandLocal "erofs-writer-store-image"
            {
              nativeBuildInputs = [ pkgs.erofs-utils ];
              image = makeImage pkgs {
                rootPaths = [ pkgs.hello ];
                compression = "lz4hc";
                registration = true;
              };
            }
            ''
              fsck.erofs --extract=store "$image"
              diff -r ${pkgs.hello} store/${baseNameOf pkgs.hello}
              test -s store/nix-path-registration
              touch $out
            '';
      });

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ (erofsWriter pkgs) ];
          packages = [
            pkgs.clippy
            pkgs.rustfmt
            pkgs.erofs-utils
            pkgs.python3
          ];
        };
      });
    };
}
