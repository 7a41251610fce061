# makeErofsStoreImage: an image of the closure of store paths, or one of several such
# images. It has nothing that depends on the host, so it is the same wherever it is built.
{
  lib,
  closureInfo,
  runCommandLocal,
  stdenvNoCC,
  erofs-writer,
}:

{
  # Their closure becomes the contents; each path lies at the root.
  rootPaths ? null,
  # In place of rootPaths: images made by this function, which are merged. Their contents
  # are copied as they are stored.
  parts ? null,
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
  # Whether the image can be a base. A table of some 19 bytes a file follows it then.
  rebuildable ? base != null,
  # Further flags of mkfs.erofs, one argument each.
  flags ? [ ],
  # The same as words that the shell expands, such as "--workers=$((2 * 2))".
  shellFlags ? [ ],
  # Whether `nix-store --load-db` finds a file nix-path-registration at the root. All parts
  # need it then.
  registration ? false,
  # Whether a dm-verity hash tree follows the image. A second output, roothash, is then the
  # file with its root hash.
  verity ? false,
  # Further files: path in the image, and source.
  files ? { },
  # Whether it is built where Nix runs, and not by other builders or taken from caches.
  local ? true,
  passthru ? { },
}:

let
  isMerged = parts != null;
  problem =
    if isMerged && rootPaths != null then
      "parts replace rootPaths, and both are given"
    else if isMerged && parts == [ ] then
      "the list of parts is empty"
    else if isMerged && needless != [ ] then
      "parts are copied as they are stored: ${lib.concatStringsSep " and " needless} can only be given for each of them"
    else if isMerged && registration && !builtins.all (part: part.registration or true) parts then
      "a part has no registration"
    else if !isMerged && rootPaths == null then
      "neither rootPaths nor parts are given"
    else
      null;
  needless =
    lib.optional (compression != null) "compression"
    ++ lib.optional (base != null) "base"
    ++ lib.optional (rebuildable && base == null) "rebuildable";

  contents = if isMerged then builtins.concatMap (part: part.rootPaths) parts else rootPaths;
  closure = closureInfo { rootPaths = contents; };
  # An image may lie in a folder.
  fileOf =
    image: if image.fileName or null == null then "${image}" else "${image}/${image.fileName}";
  added =
    lib.optionalAttrs registration {
      nix-path-registration = if isMerged then "registration/all" else "${closure}/registration";
    }
    // files;
  make = lib.throwIf (problem != null) "makeErofsStoreImage: ${problem}" runCommandLocal;
in
make name
  {
    __structuredAttrs = true;
    # The image holds the names of store paths and must not keep these alive.
    unsafeDiscardReferences.out = true;

    outputs = [ "out" ] ++ lib.optional verity "roothash";

    preferLocalBuild = local;
    allowSubstitutes = !local;
    nativeBuildInputs = [ erofs-writer ];
    # If a flag is given several times, the last one counts.
    arguments = [
      "-U"
      uuid
    ]
    ++ lib.optional (compression != null) "-z${compression}"
    ++ lib.optional rebuildable "--rebuildable"
    ++ lib.optional verity "--verity"
    ++ lib.optional (base != null) "--base=${fileOf base}"
    ++ lib.optionals isMerged [
      "--clean=data"
      # Files keep the times that they have in the parts.
      "-T0"
      "--mkfs-time"
      # Each part may have its own.
      "--exclude-path=nix-path-registration"
    ]
    # On file systems of macOS, Nix adds a suffix to names that differ only in case.
    ++ lib.optional (!isMerged && stdenvNoCC.buildPlatform.isDarwin) "--strip-case-hack"
    ++ lib.mapAttrsToList (path: file: "--add-file=${path}=${file}") added
    ++ flags;
    sources =
      if isMerged then
        map fileOf parts
      else
        [
          "--store-paths"
          "${closure}/store-paths"
        ];
    inherit label;

    passthru = {
      inherit
        closure
        fileName
        label
        registration
        uuid
        verity
        ;
      rootPaths = contents;
    }
    // passthru;
  }
  ''
    image=$out
    ${lib.optionalString (fileName != null) ''
      mkdir "$out"
      image=$out/${lib.escapeShellArg fileName}
    ''}
    ${lib.optionalString isMerged ''
      # It would be the time of the image.
      unset SOURCE_DATE_EPOCH
      for part in "''${sources[@]}"; do
        if [ ! -f "$part" ]; then
          echo "makeErofsStoreImage: the part $part is not a file" >&2
          exit 1
        fi
        ${lib.optionalString registration ''
          mkfs-erofs --extract=registration --overwrite --no-same-owner "$part" nix-path-registration
          cat registration/nix-path-registration >>registration/all
        ''}
      done
    ''}
    mkfs-erofs --workers="$NIX_BUILD_CORES" "''${arguments[@]}" \
      ${lib.optionalString verity ''--roothash-file="$roothash"''} \
      ${lib.concatStringsSep " " shellFlags} -L "$label" "$image" "''${sources[@]}"
  ''
