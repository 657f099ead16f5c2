//! What differs between PostgreSQL and the Greenplum family.
