# For virtual machines of qemu-vm.nix: as virtualisation.useNixStoreImage, but the image
# is a derivation. It is made once and not at each start.
{
  config,
  lib,
  ...
}:

let
  cfg = config.virtualisation;
  hostPkgs = cfg.host.pkgs;
  label = "nix-store";
  # The kernel's command line of the guest names this path.
  regInfo = hostPkgs.closureInfo { rootPaths = cfg.additionalPaths; };
in
{
  imports = [ ./options.nix ];

  options.virtualisation.storeImage.enable = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether the guest's Nix store comes from an image that is built with the
      virtual machine, in place of virtualisation.useNixStoreImage and of the
      host's store.
    '';
  };

  config = lib.mkIf cfg.storeImage.enable {
    assertions = [
      {
        assertion = !cfg.useNixStoreImage && !cfg.mountHostNixStore;
        message = "virtualisation.storeImage.enable takes the place of useNixStoreImage and mountHostNixStore";
      }
    ];

    boot.initrd.kernelModules = [ "erofs" ];
    system.build.nixStoreImage = cfg.storeImage.make hostPkgs {
      inherit label;
      rootPaths = [ regInfo ];
    };

    virtualisation = {
      mountHostNixStore = lib.mkDefault false;
      fileSystems = import ./qemu-mounts.nix {
        inherit config label lib;
        fsType = "erofs";
      };
      # After those of the machine, which may know theirs by their places.
      qemu.drives = lib.mkAfter [
        {
          name = "nix-store";
          file = "${config.system.build.nixStoreImage}";
          driveExtraOpts = {
            format = "raw";
            read-only = "on";
          };
        }
      ];
    };
  };
}
