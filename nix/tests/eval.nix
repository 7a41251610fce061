# Evaluates the Nix files. Returns a list of sentences, one for each wrong result.
# Nothing is built.
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
  # Compares the derivations alone, without attributes such as passthru.
  same = one: other: one.drvPath == other.drvPath;
  drives = name: config: filter (drive: drive.name == name) config.virtualisation.qemu.drives;
  names = config: map (drive: drive.name) config.virtualisation.qemu.drives;
  rootPaths = image: image.closure.exportReferencesGraph.closure;

  expect =
    groups:
    builtins.concatLists (
      lib.mapAttrsToList (
        group: checks:
        map (name: "${group}: ${name}") (filter (name: checks.${name} != true) (builtins.attrNames checks))
      ) groups
    );

  # The mounts of an initrd: device, place, type, and whether systemd makes them.
  # Options for userspace are left out.
  mounted =
    config:
    map (
      mount:
      lib.concatStringsSep " " (
        [
          mount.device
          mount.place
          mount.fsType
        ]
        ++ lib.optionals (mount.fsType != "overlay") mount.real
      )
    ) (filter (mount: elem "x-initrd.mount" mount.options) (guests.mounts config.system.build.initrdFstab));

  # -- the parts

  inherit (pkgs) erofs-utils erofs-writer;
  rebuilt = erofs-utils.overrideAttrs (old: {
    configureFlags = old.configureFlags ++ [ "--enable-multithreading" ];
  });
  image = pkgs.makeErofsStoreImage { rootPaths = [ bare.erofs-utils ]; };
  inFolder = pkgs.makeErofsStoreImage {
    rootPaths = [ erofs-writer ];
    fileName = "a file";
    rebuildable = true;
    local = false;
  };
  merge =
    more:
    pkgs.makeErofsStoreImage (
      {
        parts = [
          image
          inFolder
        ];
      }
      // more
    );
  merged = merge { };
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

  guests = import ./guests.nix { inherit lib evaluate world; };

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
  withHost = evaluate [
    world.qemu
    ../modules/qemu-store-image.nix
    {
      virtualisation.storeImage.enable = true;
      virtualisation.mountHostNixStore = true;
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
    "inputs and patches can be appended" =
      builtins.isString
        (erofs-writer.overrideAttrs (old: {
          buildInputs = old.buildInputs ++ [ erofs-utils ];
          nativeBuildInputs = old.nativeBuildInputs ++ [ erofs-utils ];
          patches = old.patches ++ [ ../../flake.nix ];
        })).drvPath;
    "no phase reads flags for configure" = !has "configureFlags" erofs-writer.configurePhase;
    "it can be built for macOS" = elem "aarch64-darwin" erofs-writer.meta.platforms;
  };

  overlay = {
    "erofs-utils takes flags for configure" =
      rebuilt.configureFlags == [
        "MAX_BLOCK_SIZE=4096"
        "--enable-multithreading"
      ];
    "it takes what is appended to lists of the original" =
      let
        appended = erofs-utils.overrideAttrs (old: {
          buildInputs = old.buildInputs ++ [ erofs-writer ];
          nativeBuildInputs = old.nativeBuildInputs ++ [ erofs-writer ];
          outputs = old.outputs ++ [ "dev" ];
          patches = old.patches ++ [ ../../flake.nix ];
          meta = old.meta // {
            priority = 1;
          };
          passthru = old.passthru // {
            added = true;
          };
        });
      in
      builtins.isString appended.drvPath
      && appended.added
      && appended.meta.mainProgram == "mkfs.erofs"
      && has "outputs" appended.buildCommand;
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
    "and is reachable as made for the closure" = has "closure-info/store-paths" (
      toString image.sources
    );
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
    "it is built here, or by any builder" =
      image.preferLocalBuild
      && !image.allowSubstitutes
      && !inFolder.preferLocalBuild
      && inFolder.allowSubstitutes;
    "the root hash is an output of its own" =
      let
        sealed = pkgs.makeErofsStoreImage {
          rootPaths = [ bare.erofs-utils ];
          verity = true;
        };
      in
      sealed.outputs == [
        "out"
        "roothash"
      ]
      && elem "--verity" sealed.arguments
      && has "--roothash-file" sealed.buildCommand
      && image.outputs == [ "out" ]
      && !elem "--verity" image.arguments;
    "a base may lie in a folder" =
      let
        based = pkgs.makeErofsStoreImage {
          rootPaths = [ bare.erofs-utils ];
          base = inFolder;
        };
      in
      elem "--base=${inFolder}/a file" based.arguments && elem "--rebuildable" based.arguments;
  };

  parts = {
    "they are the sources" =
      merged.sources == [
        "${image}"
        "${inFolder}/a file"
      ];
    "files too, without what is known of an image" =
      (merge { parts = [ "/nix/store/image" ]; }).sources == [ "/nix/store/image" ];
    "label and UUID are those of other images" =
      merged.label == image.label && merged.uuid == image.uuid;
    "the closure is that of all of them" =
      map (path: path.drvPath) (rootPaths merged) == [
        bare.erofs-utils.drvPath
        erofs-writer.drvPath
      ];
    "it is not built for the image" = !has "closure-info" (toString merged.sources);
    "a part may be merged of others" =
      length (rootPaths (merge {
        parts = [
          merged
          image
        ];
      })) == 3;
    "names were changed before" =
      !elem "--strip-case-hack"
        ((mac.extend (import ../overlay.nix)).makeErofsStoreImage { parts = [ image ]; }).arguments;
    "not together with rootPaths" = fails (merge { rootPaths = [ bare.erofs-utils ]; }).drvPath;
    "one of both is needed" = fails (pkgs.makeErofsStoreImage { }).drvPath;
    "so is one part at least" = fails (merge { parts = [ ]; }).drvPath;
    "nothing is compressed" = fails (merge { compression = "lz4hc"; }).drvPath;
    "nothing is taken from a base" = fails (merge { base = inFolder; }).drvPath;
    "nor is the image one" =
      fails (merge { rebuildable = true; }).drvPath
      && !fails (merge { rebuildable = false; }).drvPath;
    "all parts have a registration, or the image has none" =
      fails (merge { registration = true; }).drvPath
      && !fails (merge { files.nix-path-registration = ../../flake.nix; }).drvPath;
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
    "the module that is taken by default has the overlay" =
      let
        machine = evaluate [ flake.nixosModules.default ];
      in
      same (bare.extend (head machine.nixpkgs.overlays)).erofs-writer erofs-writer;
    "formatter" = flake.formatter.x86_64-linux.name == "nixfmt-tree";
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
    "other drives stay, and come first" =
      let
        found = names (evaluate [
          world.qemu
          ../modules/qemu-isolation.nix
          {
            virtualisation.emptyDiskImages = [ 512 ];
            virtualisation.qemu.drives = [
              {
                name = "own";
                file = "own.img";
              }
            ];
          }
        ]);
      in
      length found == 4 && elem "own" found && builtins.elemAt found 3 == "nixstore";
    "the host's folders are not shared" = isolated.virtualisation.sharedDirectories == { };
    "the initrd has the module" = elem "erofs" isolated.boot.initrd.kernelModules;
    "the store lies below the overlay" =
      isolated.fileSystems."/nix/.ro-store".fsType == "erofs"
      && isolated.fileSystems."/nix/.ro-store".device == "/dev/disk/by-label/nix-store"
      && isolated.fileSystems."/nix/store".overlay.lowerdir == [ "/nix/.ro-store" ];
    "the initrd mounts it" =
      mounted isolated == [
        "/dev/disk/by-label/nixos / ext4"
        "/dev/disk/by-label/nix-store /nix/.ro-store erofs ro"
        "tmpfs /nix/.rw-store tmpfs mode=0755"
        "overlay /nix/store overlay"
      ];
    "without an overlay it is the store" =
      mounted isolatedReadOnly == [
        "/dev/disk/by-label/nixos / ext4"
        "/dev/disk/by-label/nix-store /nix/store erofs ro"
      ];
    "mounts can be changed by force" =
      (evaluate [
        world.qemu
        ../modules/qemu-isolation.nix
        {
          virtualisation.fileSystems."/nix/.ro-store".options = lib.mkForce [ "cache_strategy=disabled" ];
        }
      ]).virtualisation.fileSystems."/nix/.ro-store".options == [ "cache_strategy=disabled" ];
    "without mounts of the virtual machine those of the machine stay" =
      builtins.attrNames
        (evaluate [
          world.qemu
          ../modules/qemu-isolation.nix
          {
            virtualisation.fileSystems = lib.mkForce { };
            fileSystems."/".device = "/dev/sda";
          }
        ]).fileSystems == [ "/" ];
    "not together with useNixStoreImage" = builtins.any (found: !found.assertion) (evaluate [
      world.qemu
      ../modules/qemu-isolation.nix
      { virtualisation.useNixStoreImage = true; }
    ]).assertions;
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
      stored.fileSystems."/nix/store".device == "/dev/disk/by-label/nix-store"
      && stored.fileSystems."/nix/store".neededForBoot;
    "or below an overlay" =
      storedWritable.fileSystems."/nix/.ro-store".device == "/dev/disk/by-label/nix-store"
      && storedWritable.fileSystems."/nix/store".overlay.lowerdir == [ "/nix/.ro-store" ];
    "other drives come first" = names stored == [
      "root"
      "nix-store"
    ];
    "the host's store is not mounted, other folders are" =
      !stored.virtualisation.mountHostNixStore
      && builtins.attrNames stored.virtualisation.sharedDirectories == [ "xchg" ];
    "flags and the package are those of the options" =
      elem "-zlz4hc" stored.system.build.nixStoreImage.arguments
      && same (head stored.system.build.nixStoreImage.nativeBuildInputs) rebuilt;
    "the guest can be told of its closure" = same (head (rootPaths stored.system.build.nixStoreImage)) (
      pkgs.closureInfo { rootPaths = stored.virtualisation.additionalPaths; }
    );
    "all is well" = builtins.all (found: found.assertion) stored.assertions;
    "not together with useNixStoreImage" = builtins.any (found: !found.assertion) both.assertions;
    "nor with the host's store, which is said before mounts conflict" = builtins.any (
      found: !found.assertion
    ) withHost.assertions && !fails withHost.system.build.initrdFstab;
    "nothing happens without it" =
      drives "nix-store" unstored == [ ]
      && unstored.assertions == [ ]
      && unstored.virtualisation.mountHostNixStore
      && unstored.fileSystems."/nix/.ro-store".fsType == "9p";
  };

  netboot = {
    "the store is ours, and registered" =
      elem "--add-file=nix-path-registration=${netboot.system.build.squashfsStore.closure}/registration"
        netboot.system.build.squashfsStore.arguments;
    "it is mounted as erofs, with options that erofs has" =
      netboot.fileSystems."/nix/.ro-store".fsType == "erofs"
      && netboot.fileSystems."/nix/.ro-store".options == [
        "loop"
        "ro"
        "x-initrd.mount"
      ];
    "from where the original says" =
      netboot.fileSystems."/nix/.ro-store".device == "../nix-store.squashfs"
      && netboot.fileSystems."/nix/.ro-store".neededForBoot;
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
    "a store that is not on a disk has none" =
      fails (microvm { hostStore = "/nix/store"; }).microvm.storeDisk;
    "nor has a machine that is no guest" =
      fails (microvm { guest.enable = false; }).microvm.storeDisk;
    "with the overlay alone, the original finds ours" =
      let
        original = evaluate [ world.microvm ];
      in
      elem "--enable-multithreading" (head original.microvm.storeDisk.nativeBuildInputs).configureFlags;
  };

  # Every guest mounts its store.
  mounts = builtins.listToAttrs (
    map (guest: {
      inherit (guest) name;
      value = guest.image == null || guests.problems guest == [ ];
    }) guests.all
  );

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
    "mounts that are not as they should be" =
      let
        problems =
          line:
          length (
            guests.problems {
              image = "erofs";
              writable = false;
              assertions = [ ];
              fstab = [ line ];
            }
          );
        device = "/dev/disk/by-label/nix-store";
      in
      problems "${device} /nix/store erofs ro,x-initrd.mount 0 0" == 0
      && problems "${device} /nix/store erofs ro 0 0" == 1
      && problems "${device} /nix/store erofs ro,threads=multi,x-initrd.mount 0 0" == 1
      && problems "${device} /nix/store erofs ro,x-initrd.mount 0 2" == 1
      && problems "/dev/vda /nix/store erofs ro,x-initrd.mount 0 0" == 1;
    "drives are sorted" =
      (evaluate [
        { boot.initrd.kernelModules = lib.mkAfter [ "late" ]; }
        { boot.initrd.kernelModules = [ "early" ]; }
      ]).boot.initrd.kernelModules == [
        "early"
        "late"
      ];
    "texts are looked for" = has "b" "abc" && !has "d" "abc";
  };
}
