# What the modules stand on: as much of the options of NixOS, qemu-vm.nix,
# netboot.nix and microvm.nix as they read or set, and what these define there.
{ lib, pkgs }:

let
  inherit (lib) mkOption types;
  option =
    type: default:
    mkOption {
      inherit type default;
    };
  required = type: mkOption { inherit type; };

  fileSystem = types.submodule {
    options = {
      device = option (types.nullOr types.str) null;
      fsType = option types.str "auto";
      options = option (types.listOf types.str) [ "defaults" ];
      neededForBoot = option types.bool false;
      noCheck = option types.bool false;
      overlay = option (types.nullOr types.raw) null;
    };
  };
  drive = types.submodule {
    options = {
      name = option (types.nullOr types.str) null;
      file = required types.str;
      driveExtraOpts = option (types.attrsOf types.str) { };
      deviceExtraOpts = option (types.attrsOf types.str) { };
    };
  };
in
{
  nixos = {
    options = {
      assertions = option (types.listOf types.raw) [ ];
      boot.initrd.availableKernelModules = option (types.listOf types.str) [ ];
      boot.initrd.checkJournalingFS = option types.bool true;
      boot.initrd.kernelModules = option (types.listOf types.str) [ ];
      fileSystems = option (types.attrsOf fileSystem) { };
      nix.enable = option types.bool true;
      system.build = option (types.attrsOf types.raw) { };
    };
    config.system.build.toplevel = pkgs.runCommandLocal "toplevel" { } "echo >$out";
  };

  qemu =
    { config, ... }:
    let
      cfg = config.virtualisation;
    in
    {
      options.virtualisation = {
        additionalPaths = option (types.listOf types.path) [ ];
        fileSystems = option (types.attrsOf fileSystem) { };
        host.pkgs = option types.raw pkgs;
        mountHostNixStore = option types.bool (!cfg.useNixStoreImage);
        qemu.drives = option (types.listOf drive) [ ];
        sharedDirectories = option (types.attrsOf types.raw) { };
        useNixStoreImage = option types.bool false;
        writableStore = option types.bool cfg.mountHostNixStore;
      };
      config = {
        fileSystems = lib.mkIf (cfg.fileSystems != { }) (lib.mkVMOverride cfg.fileSystems);
        virtualisation = {
          additionalPaths = [ config.system.build.toplevel ];
          qemu.drives = [
            {
              name = "root";
              file = "root.qcow2";
            }
          ];
          sharedDirectories.nix-store = lib.mkIf cfg.mountHostNixStore { target = "/nix/.ro-store"; };
          fileSystems = {
            "/".device = "/dev/disk/by-label/nixos";
            "/nix/store" = lib.mkIf (cfg.useNixStoreImage || cfg.mountHostNixStore) (
              if cfg.writableStore then
                { overlay.lowerdir = [ "/nix/.ro-store" ]; }
              else
                {
                  device = "/nix/.ro-store";
                  options = [ "bind" ];
                }
            );
          };
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
        boot.initrd.availableKernelModules = [ "squashfs" ];
        fileSystems."/nix/.ro-store" = lib.mkImageMediaOverride {
          fsType = "squashfs";
          device = "../nix-store.squashfs";
          options = [ "loop" ];
          neededForBoot = true;
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
    in
    {
      options.microvm = {
        guest.enable = option types.bool true;
        kernelParams = option (types.listOf types.str) [ ];
        registerClosure = option types.bool cfg.guest.enable;
        storeDisk = required types.path;
        storeDiskErofsFlags = option (types.listOf types.str) [ "-zlz4hc" ];
        storeDiskType = option (types.enum [
          "squashfs"
          "erofs"
        ]) "erofs";
        storeOnDisk = option types.bool true;
      };
      config = {
        microvm.storeDisk = pkgs.runCommandLocal "original-store-disk" {
          nativeBuildInputs = [ rebuilt ];
        } "exit 1";
        microvm.kernelParams = lib.mkIf cfg.registerClosure [
          "regInfo=${pkgs.closureInfo { rootPaths = [ config.system.build.toplevel ]; }}/registration"
        ];
      };
    };
}
