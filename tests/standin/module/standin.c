/*
 * What the stand-in needs inside the server and PostgreSQL cannot be told from outside: the parameter gp_role, who is refused
 * and in which words, and a process that probes the segments. See ../README.md.
 */
#include "postgres.h"

/* Port's members lie the same without them (libpq-be.h keeps the layout), and their headers need not be there. */
#undef USE_OPENSSL
#undef ENABLE_GSS

#include <fcntl.h>
#include <unistd.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "libpq/auth.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/walsender.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

PG_MODULE_MAGIC;

/* errcodes.txt of Greenplum: a mirror that is up and refuses. */
#define ERRCODE_MIRROR_READY MAKE_SQLSTATE('5', '7', 'M', '0', '2')

#define IN_RECOVERY "the database system is in recovery mode"

typedef enum
{
	UTILITY,
	DISPATCH,
	EXECUTE
} Role;

static const struct config_enum_entry roles[] = {
	{"utility", UTILITY, false},
	{"dispatch", DISPATCH, false},
	{"execute", EXECUTE, false},
	{NULL, 0, false}
};

static int	server_role = UTILITY;
static int	session_role = UTILITY;
static int	old_session_role = UTILITY;
static int	probe_interval = 10;
static char *internal_session = "";

/* In shared memory: whether every segment has answered since this coordinator started. */
static bool *recovered = NULL;

static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;
static ClientAuthentication_hook_type previous_authentication = NULL;

void		_PG_init(void);
PGDLLEXPORT void standin_probe_main(Datum unused);

PG_FUNCTION_INFO_V1(standin_probe_file);

/* Whether the client asked for `name=value` in its startup packet, directly or as a command-line option. */
static bool
client_asked(Port *port, const char *name, const char *value)
{
	ListCell   *cell = list_head(port->guc_options);
	char	   *option = psprintf("%s=%s", name, value);

	if (port->cmdline_options != NULL && strstr(port->cmdline_options, option) != NULL)
		return true;
	while (cell != NULL)
	{
		char	   *found = lfirst(cell);

		cell = lnext(port->guc_options, cell);
		if (strcmp(found, name) == 0 && strcmp(lfirst(cell), value) == 0)
			return true;
		cell = lnext(port->guc_options, cell);
	}
	return false;
}

static void
refuse_if_not_now(Port *port)
{
	bool		utility = client_asked(port, "gp_role", "utility") || client_asked(port, "gp_session_role", "utility");
	XLogRecPtr	replayed;

	if (am_walsender || client_asked(port, "standin.internal", "fts"))
		return;
	if (RecoveryInProgress())
	{
		replayed = GetXLogReplayRecPtr(NULL);
		ereport(FATAL,
				(errcode(ERRCODE_MIRROR_READY),
				 errmsg(IN_RECOVERY),
				 errdetail("last replayed record at %X/%X", LSN_FORMAT_ARGS(replayed))));
	}
	if (utility || client_asked(port, "standin.internal", "dispatch"))
		return;
	if (server_role == EXECUTE)
		ereport(FATAL,
				(errcode(ERRCODE_CANNOT_CONNECT_NOW),
				 errmsg("connections to primary segments are not allowed"),
				 errdetail("This database instance is running as a primary segment in a Greenplum cluster and does not permit direct connections."),
				 errhint("To force a connection anyway (dangerous!), use utility mode.")));
	if (server_role == DISPATCH && !*recovered)
		ereport(FATAL,
				(errcode(ERRCODE_CANNOT_CONNECT_NOW),
				 errmsg(IN_RECOVERY),
				 errdetail("waiting for distributed transaction recovery to complete")));
}

static void
after_authentication(Port *port, int status)
{
	if (previous_authentication)
		previous_authentication(port, status);
	if (status == STATUS_OK)
		refuse_if_not_now(port);
}

static void
request_memory(void)
{
	if (previous_shmem_request)
		previous_shmem_request();
	RequestAddinShmemSpace(sizeof(bool));
}

static void
start_memory(void)
{
	bool		found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	recovered = ShmemInitStruct("standin", sizeof(bool), &found);
	if (!found)
		*recovered = false;
}

/* Runs a query that returns one boolean. */
static bool
ask(const char *query)
{
	bool		is_null;
	bool		answer = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, query);
	if (SPI_execute(query, false, 1) == SPI_OK_SELECT && SPI_processed == 1)
		answer = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null)) && !is_null;
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return answer;
}

/* Runs in the coordinator as soon as it is writable: in a promoted standby, right after its promotion. */
void
standin_probe_main(Datum unused)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection("postgres", NULL, 0);
	ask("select standin.settle_activation()");
	for (;;)
	{
		bool		quiet;

		if (!*recovered && ask("select standin.segments_answer()"))
		{
			*recovered = true;
			ereport(LOG, (errmsg("DTM Started")));
		}
		quiet = ask("select standin.fts_scan()") && *recovered;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 quiet ? probe_interval * 1000L : 500L, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
register_probe(void)
{
	BackgroundWorker worker = {
		.bgw_name = "ftsprobe process",
		.bgw_type = "ftsprobe process",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 1,
		.bgw_function_name = "standin_probe_main",
		.bgw_library_name = "standin",
	};

	RegisterBackgroundWorker(&worker);
}

static void
define_role(const char *name, const char *what, int *variable, int initial, GucContext context)
{
	DefineCustomEnumVariable(name, what, NULL, variable, initial, roles, context, 0, NULL, NULL, NULL);
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	define_role("standin.gp_role", "gp_role of the server's command line.", &server_role, UTILITY, PGC_POSTMASTER);
	define_role("gp_role", "The session's role.", &session_role, server_role, PGC_BACKEND);
	define_role("gp_session_role", "The session's role, in Greenplum 6.", &old_session_role, server_role, PGC_BACKEND);
	DefineCustomIntVariable("standin.probe_interval", "Seconds between two probes of the segments.", NULL,
							&probe_interval, 10, 1, 3600, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("standin.internal", "Which part of the stand-in this session serves.", NULL,
							   &internal_session, "", PGC_BACKEND, 0, NULL, NULL, NULL);
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;
	previous_authentication = ClientAuthentication_hook;
	ClientAuthentication_hook = after_authentication;
	if (server_role == DISPATCH)
		register_probe();
}

/* Writes one block past the page cache and reads it back, as a primary does for every FTS probe. */
Datum
standin_probe_file(PG_FUNCTION_ARGS)
{
	const Size	size = 32768;
	char	   *block = (char *) TYPEALIGN(size, palloc0(2 * size));
	int			fd = BasicOpenFile("fts_probe_file.bak", O_RDWR | O_CREAT | O_DIRECT);
	bool		good;

	if (fd < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"fts_probe_file.bak\": %m")));
	strcpy(block, "stand-in");
	good = pg_pwrite(fd, block, size, 0) == (ssize_t) size;
	memset(block, 0, size);
	good = good && pg_pread(fd, block, size, 0) == (ssize_t) size && strcmp(block, "stand-in") == 0;
	close(fd);
	if (!good)
		ereport(ERROR, (errmsg("disk IO check during FTS probe failed")));
	PG_RETURN_BOOL(true);
}
