# For netboot and kexec images of Nixpkgs: their store as erofs. The file keeps
# the name nix-store.squashfs, by which the initrd finds it.
{
  config,
  lib,
  pkgs,
  ...
}:

{
  imports = [ ./options.nix ];

  config = {
    system.build.squashfsStore = lib.mkForce (
      config.virtualisation.storeImage.make pkgs.buildPackages {
        rootPaths = config.netboot.storeContents;
        # The paths that the system registers when it has started.
        registration = true;
      }
    );
    fileSystems."/nix/.ro-store" = lib.mkImageMediaOverride (
      # In place of the options of Nixpkgs. Options that a user forces still count.
      lib.mapAttrs (_: lib.mkOverride 75) {
        fsType = "erofs";
        # Those of Nixpkgs are for squashfs: erofs refuses threads=multi.
        options = [
          "loop"
          "ro"
          # Nixpkgs adds this only if no options are set. systemd's initrd mounts
          # nothing without it.
          "x-initrd.mount"
        ];
        noCheck = true;
      }
    );
    boot.initrd.availableKernelModules = [ "erofs" ];
  };
}
