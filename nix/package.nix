# The command, as mkfs-erofs and mkfs.erofs, with its manual page and
# completions.
{ lib, rustPlatform }:

let
  manifest = builtins.fromTOML (builtins.readFile ../Cargo.toml);
  # The files that cargo reads for the command. The workspace needs all its members;
  # changes elsewhere must not cause a new build.
  kept = [
    "Cargo.lock"
    "Cargo.toml"
    "LICENSE-APACHE"
    "LICENSE-MIT"
    "benches"
    "erofs-cli"
    "erofs-writer"
    "testdata"
  ];
  root = toString ../.;
in
rustPlatform.buildRustPackage {
  pname = "erofs-writer";
  inherit (manifest.workspace.package) version;

  src = builtins.path {
    name = "erofs-writer-source";
    path = ../.;
    filter =
      path: _type:
      let
        folder = dirOf path;
        name = baseNameOf path;
      in
      if folder == root then
        builtins.elem name kept
      else
        name != "target";
  };

  cargoLock.lockFile = ../Cargo.lock;
  cargoBuildFlags = [ "--package=erofs-cli" ];
  # The others mount images, or compare with other tools.
  cargoTestFlags = [
    "--package=erofs-writer"
    "--package=erofs-cli"
    "--lib"
  ];

  # Callers of erofs-utils append to these (microvm.nix does so), and expect lists.
  # Patches are applied, so they have to be for this source; flags for configure have no
  # effect here.
  nativeBuildInputs = [ ];
  buildInputs = [ ];
  patches = [ ];
  configureFlags = [ ];
  configurePhase = ''
    runHook preConfigure
    runHook postConfigure
  '';

  postInstall = ''
    ln -s mkfs-erofs "$out/bin/mkfs.erofs"
    man=$out/share/man/man1
    bash=$out/share/bash-completion/completions
    zsh=$out/share/zsh/site-functions
    fish=$out/share/fish/vendor_completions.d
    mkdir -p "$man" "$bash" "$zsh" "$fish"
    cp erofs-cli/generated/mkfs-erofs.1 "$man/mkfs-erofs.1"
    cp erofs-cli/generated/mkfs-erofs.1 "$man/mkfs.erofs.1"
    cp erofs-cli/generated/mkfs-erofs.bash "$bash/mkfs-erofs.bash"
    cp erofs-cli/generated/_mkfs-erofs "$zsh/_mkfs-erofs"
    cp erofs-cli/generated/mkfs-erofs.fish "$fish/mkfs-erofs.fish"
    # Bash and fish look for the name that was typed.
    ln -s mkfs-erofs.bash "$bash/mkfs.erofs.bash"
    ln -s mkfs-erofs.fish "$fish/mkfs.erofs.fish"
  '';

  meta = {
    description = "Writes EROFS file-system images, with the flags of mkfs.erofs";
    homepage = manifest.workspace.package.repository;
    license = [
      lib.licenses.mit
      lib.licenses.asl20
    ];
    platforms = lib.platforms.linux ++ lib.platforms.darwin;
    mainProgram = "mkfs.erofs";
  };
}
