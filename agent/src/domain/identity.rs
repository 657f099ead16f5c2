//! Who this pod is: told from its host name alone.
