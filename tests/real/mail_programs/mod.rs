//! What speaks plain SMTP to the bridge.

mod pipe;
mod sendmail;
