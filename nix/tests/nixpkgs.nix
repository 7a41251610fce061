# In place of the flake of Nixpkgs, which needs a network. scripts/nix.sh puts it into a
# folder with the files that it reads.
{
  outputs = _: rec {
    lib = import ./lib.nix;
    legacyPackages.x86_64-linux = import ./pkgs.nix {
      inherit lib;
      tools = ./tools;
    };
  };
}
