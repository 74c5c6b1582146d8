#!/bin/sh
# A worker in shell: claims tasks of one queue over HTTP and runs the text in their payload's `command`.
#   worker.sh ROOT_URL QUEUE GROUP ID        LOVAGE_TOKEN: a bearer token, where the server wants one
set -u
api="$1/api/queue/v1" queue="$2" group="$3" id="$4"
# This start of the worker. Whoever sees it crash can say so, and what it ran goes elsewhere at once.
incarnation="$id-$$-$(date +%s)"
echo "incarnation: $incarnation"

# post PATH [BODY]: prints the answer, fails when the server refuses. A claim may take 20 seconds to be answered.
post() {
  curl --silent --fail --max-time 40 --retry 5 --retry-connrefused \
    ${LOVAGE_TOKEN:+--header "authorization: Bearer $LOVAGE_TOKEN"} --data "${2-}" "$api$1"
}

# text NAME: the first text of this name in the JSON that comes in, with its quotes and backslashes as they were.
text() {
  grep -oE "\"$1\":\"([^\"\\\\]|\\\\.)*\"" | head -n 1 | sed -E 's/^"[^"]*":"//; s/"$//; s/\\(["\\\/])/\1/g'
}

while :; do
  who="\"workerGroup\":\"$group\",\"workerId\":\"$id\",\"incarnation\":\"$incarnation\""
  claim=$(post "/claim-work/$queue" "{$who}") || { sleep 5; continue; }
  # The name of the credentials tells which run it is: task-client/<task>/<run>/on/...
  run=$(printf %s "$claim" | text clientId | sed -E 's|^task-client/([^/]*)/([0-9]*)/on/.*|/task/\1/runs/\2|')
  [ -n "$run" ] || continue
  command=$(printf %s "$claim" | sed 's/.*"payload"://' | text command)
  echo "$run: $command"

  # A claim ends after 20 minutes unless it is made again, by a worker that is alive. Who cannot has lost the task.
  (while sleep 600 && kill -0 $$; do post "$run/reclaim" > /dev/null || exit; done) 2> /dev/null &
  keeper=$!
  if sh -c "$command"; then verdict=completed; else verdict=failed; fi
  kill "$keeper" 2> /dev/null
  post "$run/$verdict" > /dev/null || echo "$run: not ours any more"
done
