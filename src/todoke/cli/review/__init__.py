"""Commands that need a clone and no cluster: `todoke render`, `todoke diff`."""
