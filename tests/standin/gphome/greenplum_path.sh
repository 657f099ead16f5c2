# Sourced by every tool, and by its remote commands, as Greenplum's own is.
GPHOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$GPHOME/bin:$PATH
LD_LIBRARY_PATH=$GPHOME/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PYTHONPATH=$GPHOME/lib/python
export GPHOME PATH LD_LIBRARY_PATH PYTHONPATH
