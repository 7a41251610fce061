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
    assertions = [
      {
        assertion = !config.virtualisation.useNixStoreImage;
        message = "virtualisation.qemu.isolation takes the place of virtualisation.useNixStoreImage";
      }
    ];

    boot.initrd.kernelModules = lib.optional isErofs "erofs";
    # Stage 1 cannot check a journal on a drive it cannot write.
    boot.initrd.checkJournalingFS = lib.mkIf (!isErofs) false;

    system.build.nixStoreImage = images.${cfg.nixStoreFilesystemType};

    virtualisation = {
      sharedDirectories = lib.mkForce { };
      fileSystems = import ./qemu-mounts.nix {
        inherit config label lib;
        fsType = cfg.nixStoreFilesystemType;
      };
      # After those of the machine, which may know theirs by their places.
      qemu.drives = lib.mkAfter [
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
