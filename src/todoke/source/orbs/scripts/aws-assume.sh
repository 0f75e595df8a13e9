if [ -n "$region" ]; then aws configure set region "$region" --profile "$profile"; fi
assume_role
