if command -v az > /dev/null; then az version; exit 0; fi
command -v python3 > /dev/null || fail "The Azure CLI needs Python. Use an image that has az, or Python."
python3 -m venv "$HOME/.azure-cli"
"$HOME/.azure-cli/bin/pip" install --quiet azure-cli
on_path "$HOME/.azure-cli/bin"
az version
