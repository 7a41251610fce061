# The options under the modules: as much of NixOS, qemu-vm.nix, netboot.nix and
# microvm.nix as they read or set, and all of their file systems.
{ lib, pkgs }:

let
  inherit (lib)
    mkIf
    mkMerge
    mkOption
    types
    ;
  option = type: default: mkOption { inherit type default; };
  required = type: mkOption { inherit type; };
  filesystems = import ./filesystems.nix { inherit lib; };

  drive = types.submodule {
    options = {
      name = option (types.nullOr types.str) null;
      file = required types.str;
      driveExtraOpts = option (types.attrsOf types.str) { };
      deviceExtraOpts = option (types.attrsOf types.str) { };
    };
  };
  share = types.submodule {
    options = {
      source = required types.str;
      target = required types.str;
    };
  };
in
{
  nixos =
    { config, ... }:
    {
      options = {
        assertions = option (types.listOf types.raw) [ ];
        boot.initrd.availableKernelModules = option (types.listOf types.str) [ ];
        boot.initrd.checkJournalingFS = option types.bool true;
        boot.initrd.kernelModules = option (types.listOf types.str) [ ];
        boot.initrd.systemd.enable = option types.bool true;
        fileSystems = option (filesystems.type config.boot.initrd.systemd.enable) { };
        nix.enable = option types.bool true;
        nixpkgs.overlays = option (types.listOf types.raw) [ ];
        system.build = option (types.lazyAttrsOf types.raw) { };
      };
      config.system.build = {
        toplevel = pkgs.runCommandLocal "toplevel" { } "echo >$out";
        initrdFstab = filesystems.initrdFstab config;
      };
    };

  qemu =
    { config, options, ... }:
    let
      cfg = config.virtualisation;
    in
    {
      options.virtualisation = {
        additionalPaths = option (types.listOf types.path) [ ];
        diskImage = option (types.nullOr types.str) "./machine.qcow2";
        emptyDiskImages = option (types.listOf types.raw) [ ];
        fileSystems = options.fileSystems;
        host.pkgs = option types.raw pkgs;
        mountHostNixStore = option types.bool (!cfg.useNixStoreImage && !cfg.useBootLoader);
        qemu.drives = option (types.listOf drive) [ ];
        sharedDirectories = option (types.attrsOf share) { };
        useBootLoader = option types.bool false;
        useNixStoreImage = option types.bool false;
        writableStore = option types.bool cfg.mountHostNixStore;
        writableStoreUseTmpfs = option types.bool true;
      };
      config = {
        # Each of them is defined again with all of its values, the defaults included.
        fileSystems = mkIf (cfg.fileSystems != { }) (lib.mkVMOverride cfg.fileSystems);
        virtualisation = {
          additionalPaths = [ config.system.build.toplevel ];
          qemu.drives = mkMerge [
            (mkIf (cfg.diskImage != null) [
              {
                name = "root";
                file = ''"$NIX_DISK_IMAGE"'';
                deviceExtraOpts.bootindex = "1";
              }
            ])
            (mkIf cfg.useNixStoreImage [
              {
                name = "nix-store";
                file = ''"$TMPDIR"/store.img'';
                deviceExtraOpts.bootindex = "2";
              }
            ])
            (map (_: { file = "$(pwd)/empty.qcow2"; }) cfg.emptyDiskImages)
          ];
          sharedDirectories = {
            nix-store = mkIf cfg.mountHostNixStore {
              source = "/nix/store";
              target = "/nix/.ro-store";
            };
            xchg = {
              source = ''"$TMPDIR"/xchg'';
              target = "/tmp/xchg";
            };
          };
          fileSystems = mkMerge [
            (lib.mapAttrs' (tag: shared: {
              name = shared.target;
              value = {
                device = tag;
                fsType = "9p";
                options = [
                  "trans=virtio"
                  "version=9p2000.L"
                  "x-systemd.requires=modprobe@9pnet_virtio.service"
                ];
                neededForBoot = true;
              };
            }) cfg.sharedDirectories)
            {
              "/" =
                if cfg.diskImage == null then
                  {
                    device = "tmpfs";
                    fsType = "tmpfs";
                    options = [ "mode=755" ];
                  }
                else
                  {
                    device = "/dev/disk/by-label/nixos";
                    fsType = "ext4";
                  };
              "/nix/.ro-store" = mkIf cfg.useNixStoreImage {
                device = "/dev/disk/by-label/nix-store";
                fsType = "erofs";
                options = [ "ro" ];
                neededForBoot = true;
              };
              "/nix/.rw-store" = mkIf (cfg.writableStore && cfg.writableStoreUseTmpfs) {
                fsType = "tmpfs";
                options = [ "mode=0755" ];
                neededForBoot = true;
              };
              "/nix/store" = mkIf (cfg.useNixStoreImage || cfg.mountHostNixStore) (
                if cfg.writableStore then
                  {
                    overlay = {
                      lowerdir = [ "/nix/.ro-store" ];
                      upperdir = "/nix/.rw-store/upper";
                      workdir = "/nix/.rw-store/work";
                    };
                  }
                else
                  {
                    device = "/nix/.ro-store";
                    fsType = "none";
                    options = [ "bind" ];
                  }
              );
            }
          ];
        };
      };
    };

  netboot =
    { config, ... }:
    {
      options.netboot.storeContents = required (types.listOf types.path);
      config = {
        netboot.storeContents = [ config.system.build.toplevel ];
        system.build.squashfsStore = pkgs.runCommandLocal "squashfs.img" { } "exit 1";
        boot.initrd.availableKernelModules = [
          "squashfs"
          "overlay"
        ];
        boot.initrd.kernelModules = [ "loop" ];
        fileSystems = {
          "/" = lib.mkImageMediaOverride {
            fsType = "tmpfs";
            options = [ "mode=0755" ];
          };
          "/nix/.ro-store" = lib.mkImageMediaOverride {
            fsType = "squashfs";
            device = "../nix-store.squashfs";
            # The second since Linux 6.2.
            options = [
              "loop"
              "threads=multi"
            ];
            neededForBoot = true;
          };
          "/nix/.rw-store" = lib.mkImageMediaOverride {
            fsType = "tmpfs";
            options = [ "mode=0755" ];
            neededForBoot = true;
          };
          "/nix/store" = lib.mkImageMediaOverride {
            overlay = {
              lowerdir = [ "/nix/.ro-store" ];
              upperdir = "/nix/.rw-store/store";
              workdir = "/nix/.rw-store/work";
            };
            neededForBoot = true;
          };
        };
      };
    };

  microvm =
    { config, ... }:
    let
      cfg = config.microvm;
      # There, ours is asked for the same way when the overlay is used.
      rebuilt = pkgs.buildPackages.erofs-utils.overrideAttrs (old: {
        configureFlags = old.configureFlags ++ [ "--enable-multithreading" ];
      });
      afterModules = "x-systemd.after=systemd-modules-load.service";
      disk = {
        device = if cfg.storeDiskType == "erofs" then "/dev/disk/by-label/nix-store" else "/dev/vda";
        fsType = cfg.storeDiskType;
        neededForBoot = true;
        noCheck = true;
      };
    in
    {
      options.microvm = {
        guest.enable = option types.bool true;
        kernelParams = option (types.listOf types.str) [ ];
        registerClosure = option types.bool cfg.guest.enable;
        # Where the host's store is mounted, of all that can be shared.
        hostStore = option (types.nullOr types.str) null;
        storeDisk = required types.path;
        storeDiskErofsFlags = option (types.listOf types.str) [ "-zlz4hc" ];
        storeDiskType = required (
          types.enum [
            "squashfs"
            "erofs"
          ]
        );
        storeOnDisk = option types.bool (cfg.hostStore == null);
        writableStoreOverlay = option (types.nullOr types.str) null;
      };
      config = mkIf cfg.guest.enable (mkMerge [
        (mkIf cfg.storeOnDisk {
          boot.initrd.availableKernelModules = [ cfg.storeDiskType ];
          microvm.storeDiskType = lib.mkDefault "erofs";
          microvm.storeDisk = pkgs.runCommandLocal "original-store-disk" {
            nativeBuildInputs = [ rebuilt ];
          } "exit 1";
        })
        (mkIf (cfg.registerClosure && config.nix.enable) {
          microvm.kernelParams = [
            "regInfo=${pkgs.closureInfo { rootPaths = [ config.system.build.toplevel ]; }}/registration"
          ];
        })
        {
          fileSystems = mkMerge [
            {
              "/" = lib.mkDefault {
                device = "rootfs";
                fsType = "tmpfs";
                options = [ "size=50%,mode=0755" ];
                neededForBoot = true;
              };
            }
            (lib.optionalAttrs (cfg.storeOnDisk && cfg.writableStoreOverlay == null) {
              "/nix/store" = disk // {
                options = [ afterModules ];
              };
            })
            (lib.optionalAttrs (cfg.storeOnDisk && cfg.writableStoreOverlay != null) {
              "/nix/.ro-store" = disk // {
                options = [
                  "ro"
                  afterModules
                ];
              };
            })
            (lib.optionalAttrs (!cfg.storeOnDisk) {
              ${cfg.hostStore} = {
                device = "ro-store";
                fsType = "virtiofs";
                options = [
                  "defaults"
                  afterModules
                ];
                neededForBoot = true;
              };
            })
            (lib.optionalAttrs (!cfg.storeOnDisk && cfg.writableStoreOverlay == null) {
              "/nix/store" = {
                device = cfg.hostStore;
                fsType = "virtiofs";
                options = [
                  "ro"
                  "bind"
                ];
                neededForBoot = true;
              };
            })
            (lib.optionalAttrs (cfg.writableStoreOverlay != null) {
              "/nix/store" = {
                neededForBoot = true;
                overlay = {
                  lowerdir = [ (if cfg.storeOnDisk then "/nix/.ro-store" else cfg.hostStore) ];
                  upperdir = "${cfg.writableStoreOverlay}/store";
                  workdir = "${cfg.writableStoreOverlay}/work";
                };
              };
            })
          ];
        }
      ]);
    };
}
