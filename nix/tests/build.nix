# The builds of scripts/nix.sh with a real Nix: a small system of packages that refer to
# each other, and images of it, made by the files beside this folder.
{ tools }:

let
  lib = import ./lib.nix;
  bare = import ./pkgs.nix {
    inherit lib tools;
    system = builtins.currentSystem;
  };
  pkgs = bare.extend (import ../overlay.nix);
  inherit (pkgs) runCommandLocal;
  world = import ./world.nix { inherit lib pkgs; };

  shell = runCommandLocal "shell" { } ''
    mkdir -p $out/bin $out/var/empty
    cp "$programs/busybox" $out/bin/busybox
    ln -s busybox $out/bin/sh
  '';
  # Equal files, which an optimised store keeps once.
  doc = runCommandLocal "doc" { } ''
    mkdir -p $out/share/copy
    seq 50000 >$out/share/numbers
    cp $out/share/numbers $out/share/copy/numbers
    ln $out/share/numbers $out/share/linked
    : >$out/share/nothing
    truncate -s 1000000 $out/share/zeros
    cd $out/share/copy
    for name in 'a b' 'é' -dash 'back\slash' 'Name~nix~case~hack~1' name; do
      echo "this is $name" >"./$name"
    done
  '';
  greeting = runCommandLocal "greeting" { } ''
    mkdir -p $out/bin $out/share
    cp ${doc}/share/numbers $out/share/numbers
    printf '#!%s\n' ${shell}/bin/sh >$out/bin/greet
    echo 'echo greetings; head -n 1 ${doc}/share/numbers' >>$out/bin/greet
    chmod +x $out/bin/greet
  '';
  config = runCommandLocal "config" { } "echo 'run=${greeting}/bin/greet' >$out";
  current = runCommandLocal "current" { } "ln -s ${greeting} $out";
  toplevel = runCommandLocal "toplevel" { } ''
    mkdir $out
    ln -s ${config} $out/config
    ln -s ${current} $out/current
  '';

  evaluate =
    modules:
    (lib.evalModules {
      modules = [
        world.nixos
        { system.build.toplevel = lib.mkForce toplevel; }
      ]
      ++ modules;
      specialArgs = {
        inherit pkgs;
        modulesPath = ./nixos/modules;
      };
    }).config;

  # Images that are built again.
  fragments = {
    compression = "lz4hc";
    flags = [ "-Eztailpacking,fragments" ];
  };
  older = pkgs.makeErofsStoreImage (
    fragments
    // {
      rootPaths = [ doc ];
      fileName = "older.erofs";
      rebuildable = true;
    }
  );
  newer = fragments // {
    rootPaths = [ toplevel ];
    rebuildable = true;
  };

  # Images that are built again without reading all of it.
  trusting =
    args:
    pkgs.makeErofsStoreImage (
      args
      // {
        rebuildable = true;
        flags = fragments.flags ++ [ "--trust-store-names" ];
      }
    );

  # Parts that have most of their paths in common.
  one = pkgs.makeErofsStoreImage (
    fragments
    // {
      rootPaths = [ config ];
      registration = true;
    }
  );
  two = pkgs.makeErofsStoreImage (
    fragments
    // {
      rootPaths = [ current ];
      fileName = "part two.erofs";
      registration = true;
      rebuildable = true;
      files.extra = config;
      local = false;
    }
  );
in
{
  inherit shell toplevel;
  # The mounts of their initrds, for scripts/nix-mounts.sh.
  guests = (import ./guests.nix { inherit evaluate lib world; }).text;
  source = pkgs.erofs-writer.src;
  # As microvm.nix asks for it when there is the overlay alone.
  tool = pkgs.erofs-utils.overrideAttrs (old: {
    configureFlags = old.configureFlags ++ [ "--enable-multithreading" ];
  });

  # As overlays on ours ask for it.
  wrapped = pkgs.erofs-utils.overrideAttrs (
    final: old: {
      version = "1.8.2";
      nativeBuildInputs = old.nativeBuildInputs ++ [ greeting ];
      outputs = old.outputs ++ [ "dev" ];
      patches = old.patches ++ [ (builtins.toFile "${final.version}.patch" "no patch") ];
      postFixup = ''
        greet
        mv $out/bin/mkfs.erofs $out/bin/.mkfs.erofs-wrapped
        echo "SOURCE_DATE_EPOCH=0 exec $out/bin/.mkfs.erofs-wrapped" >$out/bin/mkfs.erofs
      '';
    }
  );

  plain = pkgs.makeErofsStoreImage {
    rootPaths = [ toplevel ];
    registration = true;
  };
  compressed = pkgs.makeErofsStoreImage {
    rootPaths = [
      toplevel
      doc
    ];
    fileName = "store image.erofs";
    compression = "lz4hc,12";
    flags = [ "-Eztailpacking,fragments" ];
    registration = true;
    files.extra = config;
  };
  merged = pkgs.makeErofsStoreImage {
    parts = [
      one
      two
    ];
    registration = true;
  };
  sealed = pkgs.makeErofsStoreImage {
    rootPaths = [ toplevel ];
    verity = true;
    # Into the log.
    shellFlags = [ "--json" ];
  };
  rebuildable = pkgs.makeErofsStoreImage newer;
  based = pkgs.makeErofsStoreImage (
    newer
    // {
      base = older;
      # Into the log.
      shellFlags = [ "--json" ];
    }
  );
  trustable = trusting newer;
  trusted = trusting (
    newer
    // {
      base = trusting (fragments // { rootPaths = [ doc ]; });
      shellFlags = [ "--json" ];
    }
  );
  microvm =
    (evaluate [
      world.microvm
      ../modules/microvm.nix
      {
        microvm.storeDiskErofsFlags = [
          "-zlz4hc"
          "-C$((64 * 1024))"
          "-Eztailpacking"
          "-Efragments"
          "--workers=$((NIX_BUILD_CORES + 1))"
        ];
      }
    ]).microvm.storeDisk;
  isolation =
    (evaluate [
      world.qemu
      ../modules/qemu-isolation.nix
    ]).system.build.nixStoreImage;

  # Different at each build, which has to be noticed.
  random = pkgs.makeErofsStoreImage {
    rootPaths = [ shell ];
    flags = [
      "-U"
      "random"
    ];
  };
}
