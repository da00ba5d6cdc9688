//! What the bridge speaks to over TLS.
