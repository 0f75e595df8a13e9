"""What files in Git name elsewhere: remote bases, value files by URL, charts; and where they may be fetched from."""
