needed CIRCLE_CONTINUATION_KEY "only a job of a configuration with setup: true may finish" > /dev/null
command -v jq > /dev/null || fail "jq is needed to finish. Use an image that has it, such as cimg/base."
command -v curl > /dev/null || fail "curl is needed to finish. Use an image that has it, such as cimg/base."
parameters={}
configuration=$(mktemp)
printf '%s\n' 'version: 2.1' 'jobs: {nothing: {type: no-op}}' 'workflows: {nothing: {when: false, jobs: [nothing]}}' > "$configuration"
