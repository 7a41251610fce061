# For any machine: its packages with the overlay, so that all that calls
# mkfs.erofs gets ours.
{
  nixpkgs.overlays = [ (import ../overlay.nix) ];
}
