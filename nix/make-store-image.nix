# makeErofsStoreImage: an image of the closure of store paths. It has nothing that
# depends on the host, so it is the same wherever it is built.
{
  lib,
  closureInfo,
  runCommandLocal,
  stdenvNoCC,
  erofs-writer,
}:

{
  # Their closure becomes the contents; each path lies at the root.
  rootPaths,
  name ? "nix-store.erofs",
  # Name of the image in the output. Without it the output is the image.
  fileName ? null,
  # At most 15 bytes. Guests mount the store by this.
  label ? "nix-store",
  uuid ? "eb176051-bd15-49b7-9e6b-462e0b467019",
  # As for -z: "lz4hc", "zstd,9". None: files are stored as they are.
  compression ? null,
  # An earlier image, made with `rebuildable`, from which compressed bytes are taken.
  base ? null,
  # Whether the image can be a base. A table of some 11 bytes a file follows it then.
  rebuildable ? base != null,
  # Further flags of mkfs.erofs, one argument each.
  flags ? [ ],
  # The same as words that the shell expands, such as "--workers=$((2 * 2))".
  shellFlags ? [ ],
  # Whether `nix-store --load-db` finds a file nix-path-registration at the root.
  registration ? false,
  # Further files: path in the image, and source.
  files ? { },
  passthru ? { },
}:

let
  closure = closureInfo { inherit rootPaths; };
  added =
    lib.optionalAttrs registration { nix-path-registration = "${closure}/registration"; } // files;
in
runCommandLocal name
  {
    __structuredAttrs = true;
    # The image holds the names of store paths and must not keep these alive.
    unsafeDiscardReferences.out = true;

    nativeBuildInputs = [ erofs-writer ];
    storePaths = "${closure}/store-paths";
    # If a flag is given several times, the last one counts.
    arguments = [
      "-U"
      uuid
    ]
    ++ lib.optional (compression != null) "-z${compression}"
    ++ lib.optional rebuildable "--rebuildable"
    ++ lib.optional (base != null) "--base=${base}"
    # On file systems of macOS, Nix adds a suffix to names that differ only in case.
    ++ lib.optional stdenvNoCC.buildPlatform.isDarwin "--strip-case-hack"
    ++ lib.mapAttrsToList (path: file: "--add-file=${path}=${file}") added
    ++ flags;
    inherit label;

    passthru = { inherit closure label uuid; } // passthru;
  }
  ''
    image=$out
    ${lib.optionalString (fileName != null) ''
      mkdir "$out"
      image=$out/${lib.escapeShellArg fileName}
    ''}
    mkfs-erofs --workers="$NIX_BUILD_CORES" "''${arguments[@]}" \
      ${lib.concatStringsSep " " shellFlags} -L "$label" --store-paths "$storePaths" "$image"
  ''
