store_region
if [ -n "$(expanded "${ORB_ROLE:-}")" ]; then assume_role; else store_keys; fi
