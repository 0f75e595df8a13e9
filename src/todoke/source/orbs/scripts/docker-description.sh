user=$(needed "$ORB_USERNAME" "it is the name to log in to Docker Hub with")
password=$(needed "$ORB_PASSWORD" "it is the password to log in to Docker Hub with")
image=$(required "$(expanded "$ORB_IMAGE")" "The image has no name: $ORB_IMAGE is empty here.")
file=$(at_home "$(expanded "$ORB_PATH")")/$(expanded "$ORB_README")
[ -f "$file" ] || fail "There is no $file in $(pwd). Correct readme."
command -v jq > /dev/null || fail "jq is needed to write the description. Use an image that has it."
hub=https://hub.docker.com/v2
token=$(USER_NAME=$user PASSWORD=$password jq -n '{username: env.USER_NAME, password: env.PASSWORD}' |
  curl --fail --silent --show-error --header 'Content-Type: application/json' --data @- "$hub/users/login/" | jq -r .token)
jq -n --rawfile text "$file" '{full_description: $text}' > "$scratch/description"
printf 'header = "Authorization: JWT %s"\n' "$token" |
  curl --config - --fail --silent --show-error --request PATCH --header 'Content-Type: application/json' \
    --data "@$scratch/description" --output /dev/null "$hub/repositories/$image/"
printf '%s\n' "The description of $image is that of $file."
