version=$(expanded "$ORB_VERSION")
if command -v aws > /dev/null && ! on "${ORB_OVERRIDE:-}"; then
  aws --version
  exit 0
fi
if on "${ORB_BREW:-}"; then brew install awscli; exit 0; fi
folder=$(at_home "$(expanded "${ORB_FOLDER:-/usr/local/aws-cli}")")
programs=$(at_home "$(expanded "${ORB_PROGRAMS:-/usr/local/bin}")")
case "$version" in
  1 | 1.*)
    command -v python3 > /dev/null || fail "The AWS CLI 1 needs Python. Use an image that has it, such as cimg/python."
    python3 -m venv "$HOME/.aws-cli"
    case "$version" in 1) wanted='awscli<2' ;; *) wanted=awscli==$version ;; esac
    "$HOME/.aws-cli/bin/pip" install --quiet "$wanted"
    on_path "$HOME/.aws-cli/bin" ;;
  *)
    case "$version" in latest | 2 | "") version= ;; esac
    if [ "$(uname -s)" = Darwin ]; then
      fetched "https://awscli.amazonaws.com/AWSCLIV2${version:+-$version}.pkg" "$scratch/aws.pkg"
      as_root installer -pkg "$scratch/aws.pkg" -target /
    else
      command -v unzip > /dev/null || fail "unzip is needed to install the AWS CLI. Use an image that has it."
      fetched "https://awscli.amazonaws.com/awscli-exe-linux-$(machine x86_64 aarch64)${version:+-$version}.zip" "$scratch/aws.zip"
      unzip -q "$scratch/aws.zip" -d "$scratch"
      as_root "$scratch/aws/install" --update --install-dir "$folder" --bin-dir "$programs"
    fi ;;
esac
aws --version
