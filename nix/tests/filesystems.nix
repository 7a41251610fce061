# fileSystems, as the modules of Nixpkgs declare them (filesystems.nix, overlayfs.nix,
# stage-1.nix), and the mounts that the initrd makes. Of the options of a file system,
# it has place, device and mount options.
{ lib }:

let
  inherit (builtins)
    attrValues
    concatStringsSep
    elem
    filter
    ;
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };

  # Needed for boot, whatever the options say.
  always = [
    "/"
    "/etc"
    "/nix"
    "/nix/store"
    "/usr"
    "/var"
    "/var/lib"
    "/var/log"
  ];
  inInitrd = fs: fs.neededForBoot || elem fs.mountPoint always;

  fileSystem =
    # Whether systemd is in the initrd. There, the root is at /sysroot.
    systemd:
    { config, name, ... }:
    let
      inherit (config) overlay;
      inside = if systemd && inInitrd config then "/sysroot" else "";
      upper = overlay.upperdir != null;
    in
    {
      options = {
        depends = option (types.listOf types.str) [ ];
        device = option (types.nullOr types.str) null;
        fsType = option types.str "auto";
        label = option (types.nullOr types.str) null;
        mountPoint = option types.str name;
        neededForBoot = option types.bool false;
        noCheck = option types.bool false;
        options = option (types.nonEmptyListOf types.str) [ "defaults" ];
        overlay = {
          lowerdir = option (types.nullOr (types.nonEmptyListOf types.str)) null;
          upperdir = option (types.nullOr types.str) null;
          workdir = option (types.nullOr types.str) null;
        };
      };

      config = lib.mkMerge [
        { device = lib.mkIf (config.fsType == "tmpfs") (lib.mkDefault "tmpfs"); }
        # All of these are lost where somebody forces options.
        { options = lib.mkIf (inInitrd config) [ "x-initrd.mount" ]; }
        {
          options = lib.mkIf (config.depends != [ ] && (systemd || !inInitrd config)) (
            map (path: "x-systemd.requires-mounts-for=${inside}${path}") config.depends
          );
        }
        (lib.mkIf (overlay.lowerdir != null) {
          device = lib.mkDefault "overlay";
          fsType = "overlay";
          depends =
            overlay.lowerdir
            ++ lib.optionals upper [
              overlay.upperdir
              overlay.workdir
            ];
          options = [
            "lowerdir=${concatStringsSep ":" (map (path: inside + path) overlay.lowerdir)}"
          ]
          ++ lib.optionals upper [
            "upperdir=${inside}${overlay.upperdir}"
            "workdir=${inside}${overlay.workdir}"
          ];
        })
      ];
    };

  # Whether the initrd is to check it before it mounts it.
  isChecked =
    checkJournals: fs:
    !(
      fs.noCheck
      || elem "bind" fs.options
      || elem fs.fsType [
        "9p"
        "auto"
        "none"
        "overlay"
        "squashfs"
        "tmpfs"
        "virtiofs"
      ]
      || fs.fsType == "ext4" && !checkJournals
    );
  line =
    checkJournals: fs:
    concatStringsSep " " [
      (lib.throwIf (fs.device == null) "${fs.mountPoint} has no device" fs.device)
      fs.mountPoint
      fs.fsType
      (concatStringsSep "," fs.options)
      "0"
      (if isChecked checkJournals fs then "2" else "0")
    ];
in
{
  type = systemd: types.attrsOf (types.submodule (fileSystem systemd));

  # The lines that the initrd reads. By their names, parents come first.
  initrdFstab =
    config:
    map (line config.boot.initrd.checkJournalingFS) (
      filter inInitrd (attrValues config.fileSystems)
    );
}
