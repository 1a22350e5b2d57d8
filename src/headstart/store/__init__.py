"""What runs leave on disk: plain files, each written whole or not at all."""
