# How a guest of qemu-vm.nix finds its store in an image on one of its drives. Mounts
# for virtualisation.fileSystems, shared by the modules beside this file.
{
  lib,
  config,
  label,
  fsType,
}:

let
  inherit (config.virtualisation) mountHostNixStore writableStore;

  # qemu-vm.nix mounts the host's store in the same places, and different values would
  # be an error. Values that a user forces still count.
  image = lib.mapAttrs (_: lib.mkOverride 75) {
    device = "/dev/disk/by-label/${label}";
    inherit fsType;
    options = [
      "ro"
      # Nixpkgs adds this by itself, but not if options are set as here. systemd's
      # initrd mounts nothing without it.
      "x-initrd.mount"
    ];
    neededForBoot = true;
    noCheck = true;
  };
in
if writableStore then
  {
    "/nix/.ro-store" = image;
    # Otherwise qemu-vm.nix has the same.
    "/nix/store" = lib.mkIf (!mountHostNixStore) {
      overlay = {
        lowerdir = [ "/nix/.ro-store" ];
        upperdir = "/nix/.rw-store/upper";
        workdir = "/nix/.rw-store/work";
      };
    };
  }
else
  { "/nix/store" = image; }
