# For virtual machines of qemu-vm.nix that see nothing of the host: all they
# need of its store is in an image, on a read-only drive. In place of a module
# that offers virtualisation.qemu.isolation.nixStoreFilesystemType and makes the
# image by an exclude-regex.
{
  config,
  lib,
  modulesPath,
  pkgs,
  ...
}:

let
  cfg = config.virtualisation.qemu.isolation;
  hostPkgs = config.virtualisation.host.pkgs;
  isErofs = cfg.nixStoreFilesystemType == "erofs";
  label = "nix-store";
  # Itself in the image: the guest registers what it lists.
  storeContents = hostPkgs.closureInfo { rootPaths = config.virtualisation.additionalPaths; };

  images = {
    erofs = config.virtualisation.storeImage.make hostPkgs {
      name = "nix-store-image";
      fileName = "nixos.img";
      inherit label;
      rootPaths = [ storeContents ];
    };
    ext4 = import (modulesPath + "/../lib/make-disk-image.nix") {
      inherit
        config
        label
        lib
        pkgs
        ;
      additionalPaths = [ storeContents ];
      onlyNixStore = true;
      partitionTableType = "none";
      installBootLoader = false;
      diskSize = "auto";
      additionalSpace = "0M";
      copyChannel = false;
    };
  };
in
{
  imports = [ ./options.nix ];

  options.virtualisation.qemu.isolation.nixStoreFilesystemType = lib.mkOption {
    type = lib.types.enum [
      "ext4"
      "erofs"
    ];
    default = "erofs";
    description = ''
      The file system of the guest's Nix store. An image of erofs is smaller and
      made in a fraction of the time.
    '';
  };

  config = {
    boot.initrd.kernelModules = lib.optional isErofs "erofs";
    # Stage 1 cannot check a journal on a drive it cannot write.
    boot.initrd.checkJournalingFS = lib.mkIf (!isErofs) false;

    fileSystems = lib.mkVMOverride {
      ${if config.virtualisation.writableStore then "/nix/.ro-store" else "/nix/store"} = {
        # qemu-vm.nix may have something else here, such as a bind mount.
        device = lib.mkForce "/dev/disk/by-label/${label}";
        fsType = lib.mkForce cfg.nixStoreFilesystemType;
        options = lib.mkForce [ "ro" ];
        neededForBoot = true;
      };
    };

    system.build.nixStoreImage = images.${cfg.nixStoreFilesystemType};

    virtualisation = {
      sharedDirectories = lib.mkForce { };
      qemu.drives = [
        {
          name = "nixstore";
          file = "${config.system.build.nixStoreImage}/nixos.img";
          driveExtraOpts = {
            format = "raw";
            read-only = "on";
            werror = "report";
          };
        }
      ];
    };
  };
}
