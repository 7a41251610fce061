# Guests by the modules beside this folder, with every combination of the options
# that change how the store is mounted.
{ lib, evaluate, world }:

let
  inherit (builtins)
    all
    attrNames
    concatLists
    concatMap
    elem
    filter
    foldl'
    head
    length
    replaceStrings
    split
    toJSON
    ;
  both = [
    true
    false
  ];

  # { a = [ 1 2 ]; b = [ 3 ]; } becomes two sets.
  combine =
    choices:
    foldl' (
      sets: name: concatMap (set: map (value: set // { ${name} = value; }) choices.${name}) sets
    ) [ { } ] (attrNames choices);
  nameOf =
    kind: choice:
    builtins.concatStringsSep ":" (
      [ kind ]
      ++ lib.mapAttrsToList (name: value: "${name}=${replaceStrings [ "\"" ] [ "" ] (toJSON value)}") choice
    );

  # guests KIND CHOICES MODULES: MODULES gives, for a choice, the modules and the
  # expected result: whether the store can be written, and the file system of the image,
  # if there is one.
  guests =
    kind: choices: make:
    map (
      choice:
      let
        made = make choice;
        config = evaluate (made.modules ++ [ { boot.initrd.systemd.enable = choice.systemd; } ]);
      in
      {
        name = nameOf kind choice;
        inherit (choice) systemd;
        inherit (made) image writable;
        inherit (config) assertions;
        fstab = config.system.build.initrdFstab;
      }
    ) (combine ({ systemd = both; } // choices));

  all' =
    guests "isolation"
      {
        mountHostNixStore = both;
        nixStoreFilesystemType = [
          "erofs"
          "ext4"
        ];
        writableStore = both;
        writableStoreUseTmpfs = both;
      }
      (choice: {
        image = choice.nixStoreFilesystemType;
        writable = choice.writableStore;
        modules = [
          world.qemu
          ../modules/qemu-isolation.nix
          {
            virtualisation = {
              inherit (choice) mountHostNixStore writableStore writableStoreUseTmpfs;
              qemu.isolation = { inherit (choice) nixStoreFilesystemType; };
            };
          }
        ];
      })
    ++
      guests "store-image"
        {
          diskImage = [
            "./machine.qcow2"
            null
          ];
          useBootLoader = both;
          writableStore = both;
          writableStoreUseTmpfs = both;
        }
        (choice: {
          image = "erofs";
          writable = choice.writableStore;
          modules = [
            world.qemu
            ../modules/qemu-store-image.nix
            {
              virtualisation = removeAttrs choice [ "systemd" ] // {
                storeImage.enable = true;
              };
            }
          ];
        })
    ++ guests "netboot" { } (_: {
      image = "erofs";
      writable = true;
      modules = [
        world.netboot
        ../modules/netboot.nix
      ];
    })
    ++
      guests "microvm"
        {
          hostStore = [
            null
            "/nix/.ro-store"
          ];
          storeDiskType = [
            "erofs"
            "squashfs"
          ];
          writableStoreOverlay = [
            null
            "/nix/.rw-store"
          ];
        }
        (choice: {
          image = if choice.hostStore == null then choice.storeDiskType else null;
          writable = choice.writableStoreOverlay != null;
          modules = [
            world.microvm
            ../modules/microvm.nix
            { microvm = removeAttrs choice [ "systemd" ]; }
          ];
        });

  # The words of a line of fstab, or of its options.
  words = separator: text: filter builtins.isString (split separator text);
  # The fields of lines of fstab. Options that the kernel sees are real.
  mounts = map (
    line:
    let
      field = builtins.elemAt (words " " line);
      options = words "," (field 3);
    in
    {
      device = field 0;
      place = field 1;
      fsType = field 2;
      inherit options;
      real = filter (option: builtins.substring 0 2 option != "x-") options;
      checked = field 5 != "0";
    }
  );
in
{
  all = all';
  inherit mounts;

  # Sentences about wrong mounts of a guest that has an image.
  problems =
    guest:
    let
      found = mounts guest.fstab;
      at = place: filter (mount: mount.place == place) found;
      images = filter (mount: mount.fsType == guest.image) (at "/nix/.ro-store" ++ at "/nix/store");
      image = head images;
      store = head (at "/nix/store");
    in
    concatLists [
      (lib.optional (length images != 1) "the image is mounted ${toString (length images)} times")
      (lib.optional (
        !elem image.device (
          # This one has no labels.
          if guest.image == "squashfs" then
            [ "/dev/vda" ]
          else
            [
              "/dev/disk/by-label/nix-store"
              "../nix-store.squashfs"
            ]
        )
      ) "the image is not found at ${image.device}")
      (lib.optional (
        !all (option: elem option [ "ro" "loop" ]) image.real
      ) "the image is mounted with options that only others have: ${toString image.real}")
      (lib.optional image.checked "the image is to be checked")
      (lib.optional (
        !all (mount: elem "x-initrd.mount" mount.options) found
      ) "systemd's initrd passes over a mount")
      (lib.optional (length (at "/nix/store") != 1) "nothing is mounted as the store")
      (lib.optional (
        guest.writable != (store.fsType == "overlay")
      ) "whether the store can be written is not as was asked")
      (map (failed: failed.message) (filter (one: !one.assertion) guest.assertions))
    ];

  # One line a mount, for scripts/nix-mounts.sh.
  text = lib.concatMapStrings (
    guest:
    lib.concatMapStrings (
      line:
      "${guest.name} ${if guest.systemd then "systemd" else "scripted"} "
      + "${if guest.image == null then "none" else guest.image} "
      + "${if guest.writable then "writable" else "read-only"} ${line}\n"
    ) guest.fstab
  ) all';
}
