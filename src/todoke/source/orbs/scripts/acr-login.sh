registry=$(expanded "$ORB_NAME")
if [ "$registry" = REGISTRY_NAME ]; then registry=$(needed REGISTRY_NAME "it names the registry of Azure"); fi
az acr login --name "$(required "$registry" "The registry has no name: $ORB_NAME is empty here.")"
