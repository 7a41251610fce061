# As much of Nixpkgs' package set as the files beside this folder use. Its derivations
# can be built: `tools` holds a static bash, busybox and mkfs-erofs.
{
  lib,
  tools,
  system ? "x86_64-linux",
  isDarwin ? false,
}:

let
  # One folder: busybox wants to be called by this name.
  programs = builtins.path {
    name = "programs";
    path = tools;
  };

  # As the standard environment does it: the attributes become variables, by a
  # file if they are structured, and programs are found in nativeBuildInputs.
  builder = builtins.toFile "builder.sh" ''
    set -euo pipefail
    if [ -n "''${NIX_ATTRS_SH_FILE:-}" ]; then
      . "$NIX_ATTRS_SH_FILE"
      for name in "''${!outputs[@]}"; do declare "$name=''${outputs[$name]}"; done
    fi
    bin=$NIX_BUILD_TOP/bin
    "$programs/busybox" mkdir "$bin"
    for applet in $("$programs/busybox" --list); do
      "$programs/busybox" ln -s "$programs/busybox" "$bin/$applet"
    done
    PATH=$bin
    for input in ''${nativeBuildInputs[@]+"''${nativeBuildInputs[@]}"}; do
      for one in $input; do PATH=$one/bin:$PATH; done
    done
    export PATH
    if ((''${NIX_BUILD_CORES:-0} <= 0)); then NIX_BUILD_CORES=$(nproc); fi
    runHook() { eval "''${!1:-}"; }
    # As there, and later than the times of files in a store.
    export SOURCE_DATE_EPOCH=315532800
    eval "$buildCommand"
  '';

  # A derivation that can be overridden, with attributes that are not built.
  make =
    attributes:
    let
      built = removeAttrs attributes [
        "meta"
        "passthru"
      ];
    in
    derivation (
      built
      // {
        inherit system;
        builder = "${programs}/bash";
        args = [ builder ];
        inherit programs;
      }
    )
    // attributes.passthru or { }
    // {
      meta = attributes.meta or { };
      inherit (attributes) name;
      # A function of what comes of it, too, may be asked for.
      overrideAttrs =
        change:
        let
          changed = change attributes;
          final = attributes // new;
          new = if builtins.isFunction changed then change final attributes else changed;
        in
        make final;
    };
  runCommandLocal =
    name: attributes: buildCommand:
    make (attributes // { inherit name buildCommand; });

  # From the description of a closure that Nix gives to a build, one object for each path.
  closureInfo =
    { rootPaths }:
    runCommandLocal "closure-info"
      {
        __structuredAttrs = true;
        exportReferencesGraph.closure = rootPaths;
      }
      ''
        mkdir "$out"
        # Objects of paths are those that have a hash.
        tr '{' '\n' <"$NIX_ATTRS_JSON_FILE" | grep '"narHash":' >objects
        field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$object"; }
        while read -r object; do
          references=$(sed 's/.*"references":\[\([^]]*\)\].*/\1/' <<<"$object" | tr -d '"' | tr ',' '\n')
          field path >>"$out/store-paths"
          {
            field path
            field narHash
            field narSize
            echo
            grep -c . <<<"$references" || true
            grep . <<<"$references" || true
          } >>"$out/registration"
        done <objects
      '';

  # Ignores cargo; runs the steps around it.
  rustPlatform.buildRustPackage =
    attributes:
    assert builtins.pathExists attributes.cargoLock.lockFile;
    make (
      removeAttrs attributes [ "cargoLock" ]
      // {
        name = "${attributes.pname}-${attributes.version}";
        buildCommand = ''
          cd "$src"
          eval "$configurePhase"
          mkdir -p "$out/bin"
          cp "$programs/mkfs-erofs" "$out/bin/mkfs-erofs"
          eval "$postInstall"
        '';
      }
    );

  originalErofsUtils = lib.makeOverridable (
    {
      selinuxSupport ? false,
    }:
    make {
      name = "erofs-utils-1.9.4";
      version = "1.9.4";
      configureFlags = [
        "MAX_BLOCK_SIZE=4096"
      ]
      ++ lib.optional selinuxSupport "--with-selinux";
      outputs = [
        "out"
        "man"
      ];
      meta = {
        outputsToInstall = [
          "out"
          "man"
        ];
        license = [ lib.licenses.gpl2Plus ];
      };
      buildCommand = ''
        mkdir -p $out/bin $man/share/man/man1
        for tool in mkfs fsck dump; do
          echo original >$out/bin/$tool.erofs
          echo original >$man/share/man/man1/$tool.erofs.1.gz
        done
      '';
    }
  ) { };

  callPackageWith =
    pkgs: file: arguments:
    let
      package = if builtins.isFunction file then file else import file;
      wanted = builtins.intersectAttrs (builtins.functionArgs package) pkgs;
    in
    package (wanted // arguments);

  extend =
    overlay: prev:
    let
      final = prev // overlay final prev // {
        callPackage = callPackageWith final;
        buildPackages = final;
        extend = more: extend more final;
      };
    in
    final;
in
extend (_: _: { }) {
  inherit
    closureInfo
    lib
    runCommandLocal
    rustPlatform
    ;
  erofs-utils = originalErofsUtils;
  # Other attributes that the flake names.
  clippy = "clippy";
  hello = originalErofsUtils;
  nixfmt-tree = runCommandLocal "nixfmt-tree" { } "exit 1";
  mkShell = attributes: runCommandLocal "shell" attributes "exit 1";
  python3 = "python3";
  rustfmt = "rustfmt";
  stdenvNoCC = {
    buildPlatform = { inherit isDarwin; };
    hostPlatform = { inherit isDarwin system; };
  };
}
