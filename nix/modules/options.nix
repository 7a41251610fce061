# Options that the modules beside this one share.
{ config, lib, ... }:

let
  cfg = config.virtualisation.storeImage;
in
{
  options.virtualisation.storeImage = {
    package = lib.mkOption {
      type = lib.types.nullOr lib.types.package;
      default = null;
      description = ''
        The erofs-writer that makes images of the Nix store. By default that of
        this source, built for the machine that makes the image.
      '';
    };
    flags = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [
        "-zlz4hc"
        "-C65536"
      ];
      description = "Flags of mkfs.erofs for images of the Nix store.";
    };
    verity = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether a dm-verity hash tree follows images of the Nix store. Their output
        roothash has the root hash then. The mounts of guests are the same: to let the
        kernel check what is read, the machine has to set dm-verity up.
      '';
    };
    make = lib.mkOption {
      type = lib.types.raw;
      internal = true;
      readOnly = true;
      description = "makeErofsStoreImage of given packages, with these options.";
    };
  };

  config.virtualisation.storeImage.make =
    pkgs: arguments:
    pkgs.callPackage ../make-store-image.nix {
      erofs-writer = if cfg.package != null then cfg.package else pkgs.callPackage ../package.nix { };
    } ({ inherit (cfg) verity; } // arguments // { flags = cfg.flags ++ arguments.flags or [ ]; });
}
