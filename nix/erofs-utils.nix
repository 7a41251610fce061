# erofs-utils with our mkfs.erofs; fsck.erofs, dump.erofs and the rest are those
# of the original. Nothing of it is compiled again, whatever a caller adds to
# configureFlags or patches.
{
  lib,
  runCommandLocal,
  erofs-utils,
  erofs-writer,
}:

runCommandLocal "erofs-utils-${erofs-utils.version}"
  {
    pname = "erofs-utils";
    inherit (erofs-utils) version;
    # Overlays on ours append to these, as the original has them. Flags and patches have
    # no effect here.
    configureFlags = erofs-utils.configureFlags or [ ];
    nativeBuildInputs = [ ];
    buildInputs = [ ];
    patches = [ ];
    outputs = [ "out" ];
    passthru.unwrapped = erofs-utils;
    # Not meta.outputsToInstall, as there is one output here.
    meta = {
      description = "User space tools of EROFS, with mkfs.erofs of erofs-writer";
      mainProgram = "mkfs.erofs";
      inherit (erofs-writer.meta) platforms;
      license = lib.toList (erofs-utils.meta.license or [ ]) ++ erofs-writer.meta.license;
    };
  }
  ''
    mkdir -p $out/bin $out/share/man/man1
    ln -s ${lib.getBin erofs-utils}/bin/* $out/bin/
    ln -sf ${erofs-writer}/bin/* $out/bin/
    for page in ${lib.getMan erofs-utils}/share/man/man1/* ${erofs-writer}/share/man/man1/*; do
      [ ! -e "$page" ] || ln -sf "$page" $out/share/man/man1/
    done
    # A page of the original may be compressed, and would then be found as well.
    for page in $out/share/man/man1/mkfs.erofs.1*; do
      case $(readlink "$page") in
      ${erofs-writer}/*) ;;
      *) rm "$page" ;;
      esac
    done
    for folder in bash-completion zsh fish; do
      ln -s ${erofs-writer}/share/$folder $out/share/$folder
    done
    # Outputs that an overlay has added are empty.
    for output in $outputs; do mkdir -p "''${!output}"; done
    # In these, overlays wrap what is installed.
    runHook postInstall
    runHook postFixup
  ''
