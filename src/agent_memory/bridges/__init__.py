"""Other people's protocols, one file each; nothing below this floor knows any of them."""
