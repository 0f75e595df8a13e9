project=$(pwd)
export PYTHONPATH="$project/$ORB_SOURCE${PYTHONPATH:+:$PYTHONPATH}"
if [ "$ORB_TOOL" = unittest ]; then
  eval "within python -m unittest ${ORB_TOOL_ARGUMENTS:-}"
else
  mkdir -p test-report
  eval "within $ORB_TOOL --junit-xml=test-report/report.xml ${ORB_TOOL_ARGUMENTS:-}"
fi
