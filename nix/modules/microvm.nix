# For guests of microvm.nix: their store disk, made of a list of store paths.
# Nothing is bind-mounted or copied for it, and the image is the same each time.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (config) microvm;
  inherit (config.system.build) toplevel;
  # The kernel's command line of the guest names this path.
  regInfo = pkgs.closureInfo { rootPaths = [ toplevel ]; };
in
{
  imports = [ ./options.nix ];

  config =
    lib.mkIf (microvm.guest.enable && microvm.storeOnDisk && microvm.storeDiskType == "erofs")
      {
        microvm.storeDisk = lib.mkForce (
          config.virtualisation.storeImage.make pkgs.buildPackages {
            name = "microvm-store-disk.erofs";
            rootPaths = [ toplevel ] ++ lib.optional config.nix.enable regInfo;
            # These are words for the shell there, too.
            shellFlags = microvm.storeDiskErofsFlags;
            passthru = { inherit regInfo; };
          }
        );
      };
}
