//! From an accepted socket to a session: encryption asked for and refused, cancel requests,
//! protocol version, start-up parameters.
//!
//! A connection opens with packets that carry no type. Each is at most [`PACKET_MAX`] bytes, which
//! is checked before it is read; pgwire knows their layout. SSLRequest and GSSENCRequest are
//! answered `N`, each once, and the client goes on or leaves. A cancel request is obeyed and never
//! answered.

use std::collections::BTreeMap;

use bytes::{Buf, BytesMut};
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::{
    Authentication, BackendKeyData, GssEncRequest, NegotiateProtocolVersion, SecretKey, SslRequest,
    Startup,
};
use pgwire::messages::{DecodeContext, Message, ProtocolVersion};

use sql::SqlError;

use super::frontend::{not_utf8, protocol};
use super::wire::{Failure, Wire};

/// Longest packet before authentication, PostgreSQL's number.
const PACKET_MAX: usize = 10_000;

/// What the client came for.
pub(crate) enum Opening {
    /// A session with these parameters.
    Session { parameters: BTreeMap<String, String>, long_secret: bool },
    /// To cancel the statement of another session.
    Cancel { pid: i32, secret: Vec<u8> },
}

/// Reads packets until one says what the client wants.
pub(crate) async fn open(wire: &mut Wire, input: &mut BytesMut) -> Result<Opening, Failure> {
    let (mut ssl, mut gss) = (false, false);
    loop {
        let mut packet = packet(wire, input).await?;
        if SslRequest::is_ssl_request_packet(&packet) && packet.len() == 8 && !ssl {
            ssl = true;
            refuse_encryption(wire, input).await?;
        } else if GssEncRequest::is_gss_enc_request_packet(&packet) && packet.len() == 8 && !gss {
            gss = true;
            refuse_encryption(wire, input).await?;
        } else if CancelRequest::is_cancel_request_packet(&packet) {
            return cancel(&mut packet);
        } else {
            return startup(wire, &mut packet);
        }
    }
}

/// One whole packet, length included.
async fn packet(wire: &mut Wire, input: &mut BytesMut) -> Result<BytesMut, Failure> {
    loop {
        if let Some(head) = input.first_chunk::<4>() {
            let length = u32::from_be_bytes(*head) as usize;
            if !(8..=PACKET_MAX).contains(&length) {
                return Err(fatal("invalid length of startup packet"));
            }
            if input.len() >= length {
                return Ok(input.split_to(length));
            }
        }
        wire.read(input).await?;
    }
}

async fn refuse_encryption(wire: &mut Wire, input: &BytesMut) -> Result<(), Failure> {
    // What came along before our answer was not sent over the encryption that it asked for.
    if !input.is_empty() {
        return Err(fatal("received unencrypted data after an encryption request"));
    }
    wire.out.extend_from_slice(b"N");
    wire.flush().await
}

fn cancel(packet: &mut BytesMut) -> Result<Opening, Failure> {
    let context = DecodeContext::new(ProtocolVersion::PROTOCOL3_2);
    match CancelRequest::decode(packet, &context) {
        Ok(Some(request)) => {
            Ok(Opening::Cancel { pid: request.pid, secret: request.secret_key.to_bytes().to_vec() })
        }
        _ => Err(Failure::Gone),
    }
}

fn startup(wire: &mut Wire, packet: &mut BytesMut) -> Result<Opening, Failure> {
    let (major, minor) = ((&packet[4..6]).get_u16(), (&packet[6..8]).get_u16());
    if major != 3 {
        let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0");
        return Err(Failure::Fatal(SqlError::unsupported(message)));
    }
    if std::str::from_utf8(&packet[8..]).is_err() {
        return Err(Failure::Fatal(not_utf8()));
    }
    if packet.len() < 9 || !packet.ends_with(b"\0") {
        return Err(fatal("invalid startup packet layout: expected terminator as last byte"));
    }
    let startup = Startup::decode(packet, &DecodeContext::new(ProtocolVersion::PROTOCOL3_0))
        .ok()
        .flatten()
        .ok_or_else(|| fatal("invalid startup packet"))?;
    let mut parameters = startup.parameters;
    let unknown = parameters.keys().filter(|name| name.starts_with("_pq_.")).cloned().collect();
    parameters.retain(|name, _| !name.starts_with("_pq_."));
    negotiate(wire, minor, unknown)?;
    Ok(Opening::Session { parameters, long_secret: minor >= 2 })
}

/// Tells a client that asks for more than we know what it gets instead.
fn negotiate(wire: &mut Wire, minor: u16, unknown: Vec<String>) -> Result<(), Failure> {
    if minor <= 2 && minor != 1 && unknown.is_empty() {
        return Ok(());
    }
    let newest = if minor >= 2 { Startup::PROTOCOL_VERSION_3_2 } else { 3 << 16 };
    encode(wire, &NegotiateProtocolVersion::new(newest, unknown))
}

/// Tells the client that it is in, and how to cancel.
pub(crate) fn welcome(wire: &mut Wire) -> Result<(), Failure> {
    encode(wire, &Authentication::Ok)
}

/// Tells the client how to cancel.
pub(crate) fn key_data(wire: &mut Wire, pid: i32, secret: &[u8]) -> Result<(), Failure> {
    let key = match <[u8; 4]>::try_from(secret) {
        Ok(short) => SecretKey::I32(i32::from_be_bytes(short)),
        Err(_) => SecretKey::Bytes(bytes::Bytes::copy_from_slice(secret)),
    };
    encode(wire, &BackendKeyData::new(pid, key))
}

fn encode(wire: &mut Wire, message: &impl Message) -> Result<(), Failure> {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).map_err(|_| fatal("the reply does not fit its message"))?;
    wire.out.extend_from_slice(&bytes);
    Ok(())
}

fn fatal(message: &str) -> Failure {
    Failure::Fatal(protocol(message))
}
