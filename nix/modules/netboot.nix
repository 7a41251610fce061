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
        # What the system registers when it has started.
        registration = true;
      }
    );
    fileSystems."/nix/.ro-store" = lib.mkImageMediaOverride { fsType = lib.mkForce "erofs"; };
    boot.initrd.availableKernelModules = [ "erofs" ];
  };
}
