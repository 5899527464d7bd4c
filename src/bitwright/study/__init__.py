"""One study: its loop, its memory and its folder."""
