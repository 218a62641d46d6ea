//! A small HTTP server that finishes what it has begun before it ends.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// An answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Takes a port of this machine; 0 takes a free one.
pub(crate) async fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Answers requests until it is told to end, then those that have come, then returns.
pub(crate) async fn serve<R>(
    listener: TcpListener,
    end: CancellationToken,
    handler: impl Fn(String) -> R + Clone + Send + 'static,
) -> io::Result<()>
where
    R: Future<Output = Answer> + Send,
{
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            () = end.cancelled() => break,
            accepted = listener.accept() => accepted?.0,
        };
        let handler = handler.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = handler(request.uri().path().to_owned());
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        // A client that goes away in the middle is no fault of ours.
        tokio::spawn(async move { drop(connection.await) });
    }
    drop(listener);
    connections.shutdown().await;
    Ok(())
}

/// A text as an answer.
pub(crate) fn answer(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer
}
