# What the Nix files come to. Returns what is not as it should be, a list of
# sentences. Nothing is built.
#
# `lib` may be that of Nixpkgs: the module system is then the real one.
{
  lib ? import ./lib.nix,
  tools ? ./.,
}:

let
  inherit (builtins)
    elem
    filter
    head
    length
    tryEval
    ;
  bare = import ./pkgs.nix { inherit lib tools; };
  mac = import ./pkgs.nix {
    inherit lib tools;
    isDarwin = true;
  };
  pkgs = bare.extend (import ../overlay.nix);
  world = import ./world.nix { inherit lib pkgs; };

  evaluate =
    modules:
    (lib.evalModules {
      modules = [ world.nixos ] ++ modules;
      specialArgs = {
        inherit pkgs;
        modulesPath = ./nixos/modules;
      };
    }).config;
  fails = value: !(tryEval (builtins.deepSeq value value)).success;
  has = text: string: builtins.replaceStrings [ text ] [ "" ] string != string;
  # By what is built, whatever else hangs on it.
  same = one: other: one.drvPath == other.drvPath;
  drives = name: config: filter (drive: drive.name == name) config.virtualisation.qemu.drives;
  rootPaths = image: image.closure.exportReferencesGraph.closure;

  expect =
    groups:
    builtins.concatLists (
      lib.mapAttrsToList (
        group: checks:
        map (name: "${group}: ${name}") (filter (name: checks.${name} != true) (builtins.attrNames checks))
      ) groups
    );

  # -- the parts

  inherit (pkgs) erofs-utils erofs-writer;
  rebuilt = erofs-utils.overrideAttrs (old: {
    configureFlags = old.configureFlags ++ [ "--enable-multithreading" ];
  });
  image = pkgs.makeErofsStoreImage { rootPaths = [ bare.erofs-utils ]; };
  flake =
    let
      outputs = (import ../../flake.nix).outputs {
        self = outputs;
        nixpkgs = {
          inherit lib;
          legacyPackages = lib.genAttrs lib.systems.flakeExposed (_: bare);
        };
      };
    in
    outputs;

  # -- machines

  isolated = evaluate [
    world.qemu
    ../modules/qemu-isolation.nix
  ];
  isolatedReadOnly = evaluate [
    world.qemu
    ../modules/qemu-isolation.nix
    { virtualisation.writableStore = false; }
  ];
  isolatedExt4 = evaluate [
    world.qemu
    ../modules/qemu-isolation.nix
    { virtualisation.qemu.isolation.nixStoreFilesystemType = "ext4"; }
  ];
  isolatedFromMac = evaluate [
    world.qemu
    ../modules/qemu-isolation.nix
    { virtualisation.host.pkgs = mac; }
  ];
  stored = evaluate [
    world.qemu
    ../modules/qemu-store-image.nix
    {
      virtualisation.storeImage = {
        enable = true;
        flags = [ "-zlz4hc" ];
        package = rebuilt;
      };
    }
  ];
  storedWritable = evaluate [
    world.qemu
    ../modules/qemu-store-image.nix
    {
      virtualisation.storeImage.enable = true;
      virtualisation.writableStore = true;
    }
  ];
  unstored = evaluate [
    world.qemu
    ../modules/qemu-store-image.nix
  ];
  both = evaluate [
    world.qemu
    ../modules/qemu-store-image.nix
    {
      virtualisation.storeImage.enable = true;
      virtualisation.useNixStoreImage = true;
    }
  ];
  netboot = evaluate [
    world.netboot
    ../modules/netboot.nix
  ];
  microvm =
    more:
    evaluate [
      world.microvm
      ../modules/microvm.nix
      { microvm = more; }
    ];
  guest = microvm { storeDiskErofsFlags = [ "-zlz4hc" "--workers=$((1 + 1))" ]; };
in
expect {
  package = {
    "its name and version are those of the workspace" = erofs-writer.name == "erofs-writer-0.1.0";
    "it is run as mkfs.erofs" = erofs-writer.meta.mainProgram == "mkfs.erofs";
    "flags for configure are a list" =
      (erofs-writer.overrideAttrs (old: { configureFlags = old.configureFlags ++ [ "x" ]; })).configureFlags
      == [ "x" ];
    "no phase reads flags for configure" = !has "configureFlags" erofs-writer.configurePhase;
    "it can be built for macOS" = elem "aarch64-darwin" erofs-writer.meta.platforms;
  };

  overlay = {
    "erofs-utils takes flags for configure" =
      rebuilt.configureFlags == [
        "MAX_BLOCK_SIZE=4096"
        "--enable-multithreading"
      ];
    "that makes another derivation" = !same rebuilt erofs-utils;
    "it can be overridden as the original" = elem "--with-selinux" (
      (erofs-utils.override { selinuxSupport = true; }).configureFlags
    );
    "the version is that of the original" = erofs-utils.version == "1.9.4";
    "the original can be had" = same erofs-utils.unwrapped bare.erofs-utils;
    "its outputs are those it has" = !erofs-utils.meta ? outputsToInstall;
    "it is run as mkfs.erofs" = erofs-utils.meta.mainProgram == "mkfs.erofs";
  };

  makeErofsStoreImage = {
    "nothing refers to what is in the image" = image.unsafeDiscardReferences.out && image.__structuredAttrs;
    "label and UUID are those of Nixpkgs" =
      image.label == "nix-store" && image.uuid == "eb176051-bd15-49b7-9e6b-462e0b467019";
    "it is made of the closure" = same (head (rootPaths image)) bare.erofs-utils;
    "by our command" = same (head image.nativeBuildInputs) erofs-writer;
    "and is reachable as made for the closure" = has "closure-info/store-paths" image.storePaths;
    "names are left alone on Linux" = !elem "--strip-case-hack" image.arguments;
    "registration is a file at the root" =
      let
        with' = pkgs.makeErofsStoreImage {
          rootPaths = [ bare.erofs-utils ];
          registration = true;
        };
      in
      elem "--add-file=nix-path-registration=${with'.closure}/registration" with'.arguments
      && !has "--add-file" (toString image.arguments);
  };

  flake = {
    "packages" = same flake.packages.x86_64-linux.default erofs-writer;
    "erofs-utils" = flake.packages.x86_64-linux.erofs-utils.version == "1.9.4";
    "overlay" = same (bare.extend flake.overlays.default).erofs-writer erofs-writer;
    "lib" = same (flake.lib.makeErofsStoreImage {
      inherit pkgs;
      rootPaths = [ bare.erofs-utils ];
    }) image;
    "modules" = builtins.all (module: builtins.pathExists module) (
      builtins.attrValues flake.nixosModules
    );
    "checks" = builtins.isString flake.checks.x86_64-linux.store-image.drvPath;
    "shell" = elem "clippy" flake.devShells.x86_64-linux.default.packages;
  };

  qemu-isolation = {
    "the image is a file in a folder" =
      (head (drives "nixstore" isolated)).file == "${isolated.system.build.nixStoreImage}/nixos.img"
      && has "nixos.img" isolated.system.build.nixStoreImage.buildCommand;
    "the drive can be read only" =
      (head (drives "nixstore" isolated)).driveExtraOpts == {
        format = "raw";
        read-only = "on";
        werror = "report";
      };
    "other drives stay" = length (drives "root" isolated) == 1;
    "the host's folders are not shared" = isolated.virtualisation.sharedDirectories == { };
    "the initrd has the module" = elem "erofs" isolated.boot.initrd.kernelModules;
    "the store lies below the overlay" =
      isolated.fileSystems."/nix/.ro-store".fsType == "erofs"
      && isolated.fileSystems."/nix/.ro-store".device == "/dev/disk/by-label/nix-store"
      && isolated.fileSystems."/nix/store".overlay != null;
    "without an overlay it is the store" =
      isolatedReadOnly.fileSystems."/nix/store".fsType == "erofs"
      && isolatedReadOnly.fileSystems."/nix/store".options == [ "ro" ]
      && !isolatedReadOnly.fileSystems ? "/nix/.ro-store";
    "the image has the list that the guest registers" =
      let
        regInfo = head (rootPaths isolated.system.build.nixStoreImage);
      in
      same regInfo (pkgs.closureInfo { rootPaths = isolated.virtualisation.additionalPaths; });
    "ext4 is still there" =
      isolatedExt4.fileSystems."/nix/.ro-store".fsType == "ext4"
      && !isolatedExt4.boot.initrd.checkJournalingFS
      && !elem "erofs" isolatedExt4.boot.initrd.kernelModules;
    "an image made on macOS has names without suffixes" =
      elem "--strip-case-hack" isolatedFromMac.system.build.nixStoreImage.arguments;
    "another file system is an error" = fails (evaluate [
      world.qemu
      ../modules/qemu-isolation.nix
      { virtualisation.qemu.isolation.nixStoreFilesystemType = "btrfs"; }
    ]).fileSystems;
  };

  qemu-store-image = {
    "the drive is the image" =
      (head (drives "nix-store" stored)).file == "${stored.system.build.nixStoreImage}"
      && (head (drives "nix-store" stored)).driveExtraOpts.read-only == "on";
    "the store is mounted by its label" =
      stored.fileSystems."/nix/.ro-store".device == "/dev/disk/by-label/nix-store"
      && stored.fileSystems."/nix/.ro-store".neededForBoot;
    "and bound to its place" = stored.fileSystems."/nix/store".device == "/nix/.ro-store";
    "or below an overlay" =
      storedWritable.fileSystems."/nix/store".overlay.lowerdir == [ "/nix/.ro-store" ]
      && storedWritable.fileSystems."/nix/store".device == null;
    "the host's store is not mounted" =
      !stored.virtualisation.mountHostNixStore && stored.virtualisation.sharedDirectories == { };
    "flags and the package are those of the options" =
      elem "-zlz4hc" stored.system.build.nixStoreImage.arguments
      && same (head stored.system.build.nixStoreImage.nativeBuildInputs) rebuilt;
    "the guest can be told of its closure" = same (head (rootPaths stored.system.build.nixStoreImage)) (
      pkgs.closureInfo { rootPaths = stored.virtualisation.additionalPaths; }
    );
    "all is well" = builtins.all (found: found.assertion) stored.assertions;
    "not together with useNixStoreImage" = builtins.any (found: !found.assertion) both.assertions;
    "nothing happens without it" =
      drives "nix-store" unstored == [ ]
      && unstored.assertions == [ ]
      && unstored.virtualisation.mountHostNixStore
      && !unstored.fileSystems ? "/nix/.ro-store";
  };

  netboot = {
    "the store is ours, and registered" =
      elem "--add-file=nix-path-registration=${netboot.system.build.squashfsStore.closure}/registration"
        netboot.system.build.squashfsStore.arguments;
    "it is mounted as erofs" = netboot.fileSystems."/nix/.ro-store".fsType == "erofs";
    "as the original says otherwise" =
      netboot.fileSystems."/nix/.ro-store".options == [ "loop" ]
      && netboot.fileSystems."/nix/.ro-store".device == "../nix-store.squashfs";
    "the initrd has the module" = elem "erofs" netboot.boot.initrd.availableKernelModules;
  };

  microvm = {
    "the store disk is ours" = guest.microvm.storeDisk.name == "microvm-store-disk.erofs";
    "without a copy and without other tools" =
      length guest.microvm.storeDisk.nativeBuildInputs == 1
      && !has "bwrap" guest.microvm.storeDisk.buildCommand
      && !has "cp -a" guest.microvm.storeDisk.buildCommand;
    "flags are words for the shell" =
      has "-zlz4hc --workers=$((1 + 1)) -L " guest.microvm.storeDisk.buildCommand;
    "the UUID is fixed" = guest.microvm.storeDisk.uuid == image.uuid;
    "it has the system and what registers it" =
      let
        disk = guest.microvm.storeDisk;
      in
      length (rootPaths disk) == 2
      && same (builtins.elemAt (rootPaths disk) 1) disk.regInfo
      && guest.microvm.kernelParams == [ "regInfo=${disk.regInfo}/registration" ];
    "without nix there is nothing to register" =
      length (
        rootPaths
          (evaluate [
            world.microvm
            ../modules/microvm.nix
            { nix.enable = false; }
          ]).microvm.storeDisk
      ) == 1;
    "squashfs is left to the original" =
      (microvm { storeDiskType = "squashfs"; }).microvm.storeDisk.name == "original-store-disk";
    "so is a store that is not on a disk" =
      (microvm { storeOnDisk = false; }).microvm.storeDisk.name == "original-store-disk";
    "with the overlay alone, the original finds ours" =
      let
        original = evaluate [ world.microvm ];
      in
      elem "--enable-multithreading" (head original.microvm.storeDisk.nativeBuildInputs).configureFlags;
  };

  # These must be able to fail.
  these = {
    "an option that nobody declares is an error" = fails (evaluate [ { boot.nothing = true; } ]);
    "so is one of another type" = fails (evaluate [ { nix.enable = "yes"; } ]).nix.enable;
    "and two definitions that differ" =
      fails
        (evaluate [
          { nix.enable = true; }
          { nix.enable = false; }
        ]).nix.enable;
    "what is wrong is told" =
      expect {
        a.right = true;
        a.wrong = false;
      } == [ "a: wrong" ];
    "texts are looked for" = has "b" "abc" && !has "d" "abc";
  };
}
