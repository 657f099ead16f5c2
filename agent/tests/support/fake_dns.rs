//! A DNS server in this process that answers as it is told, faults included.

use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::PTR;
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::sync::watch;

/// How a name is answered. A name that was never set does not exist.
#[derive(Clone)]
#[allow(dead_code, reason = "an example uses less of it than the tests")]
pub(crate) enum Says {
    Addresses(Vec<IpAddr>),
    /// IPv4 addresses; AAAA gives SERVFAIL.
    BrokenV6(Vec<IpAddr>),
    /// PTR records in this order.
    Names(Vec<String>),
    /// PTR records; every request gets them one place further.
    RotatedNames(Vec<String>),
    Nothing,
    Code(ResponseCode),
    Silence,
}

#[derive(Default)]
struct Zone {
    names: HashMap<String, Says>,
    everything: Option<Says>,
}

#[derive(Clone)]
struct Handler {
    zone: Arc<Mutex<Zone>>,
    asked: watch::Sender<HashMap<String, usize>>,
}

/// The running server; dropping it stops it.
#[allow(dead_code, reason = "an example uses less of it than the tests")]
pub(crate) struct FakeDns {
    pub address: SocketAddr,
    handler: Handler,
    server: Server<Handler>,
}

#[allow(dead_code, reason = "an example uses less of it than the tests")]
impl FakeDns {
    /// Listens on UDP; port 0 takes any.
    pub(crate) async fn start(address: SocketAddr) -> std::io::Result<FakeDns> {
        let socket = UdpSocket::bind(address).await?;
        let handler = Handler {
            zone: Arc::default(),
            asked: watch::channel(HashMap::new()).0,
        };
        let address = socket.local_addr()?;
        let mut server = Server::new(handler.clone());
        server.register_socket(socket);
        Ok(FakeDns {
            address,
            handler,
            server,
        })
    }

    /// On a free port of 127.0.0.1.
    pub(crate) async fn local() -> FakeDns {
        Self::start(([127, 0, 0, 1], 0).into()).await.unwrap()
    }

    pub(crate) fn set(&self, name: &str, says: Says) {
        let mut zone = self.handler.zone.lock().unwrap();
        zone.names.insert(name.to_lowercase(), says);
    }

    pub(crate) fn set_addresses(&self, name: &str, list: &[&str]) {
        let list = list.iter().map(|a| a.parse().unwrap()).collect();
        self.set(name, Says::Addresses(list));
    }

    /// The reverse names of an address.
    pub(crate) fn set_reverse(&self, address: &str, says: Says) {
        let arpa = Name::from(address.parse::<IpAddr>().unwrap());
        self.set(arpa.to_string().trim_end_matches('.'), says);
    }

    /// Answers every request like this, until `None`.
    pub(crate) fn set_everything(&self, says: Option<Says>) {
        self.handler.zone.lock().unwrap().everything = says;
    }

    /// Requests so far, by name and type, such as `a.gp.svc A`.
    pub(crate) fn asked(&self, question: &str) -> usize {
        self.handler.asked.borrow().get(question).copied().unwrap_or(0)
    }

    /// Waits for the `count`-th request of this kind.
    pub(crate) async fn wait_asked(&self, question: &str, count: usize) {
        let enough = |asked: &HashMap<String, usize>| asked.get(question).is_some_and(|n| *n >= count);
        self.handler.asked.subscribe().wait_for(enough).await.unwrap();
    }
}

impl Handler {
    fn says(&self, name: &str) -> Says {
        let mut zone = self.zone.lock().unwrap();
        if let Some(says) = &zone.everything {
            return says.clone();
        }
        match zone.names.get_mut(name) {
            None => Says::Code(ResponseCode::NXDomain),
            Some(Says::RotatedNames(list)) => {
                list.rotate_left(1);
                Says::Names(list.clone())
            }
            Some(says) => says.clone(),
        }
    }
}

fn records(says: &Says, name: &Name, kind: RecordType) -> Vec<Record> {
    let data: Vec<RData> = match says {
        Says::Addresses(list) | Says::BrokenV6(list) => list.iter().map(|a| RData::from(*a)).collect(),
        Says::Names(list) | Says::RotatedNames(list) => list
            .iter()
            .map(|n| RData::PTR(PTR(Name::from_ascii(format!("{n}.")).unwrap())))
            .collect(),
        _ => Vec::new(),
    };
    data.into_iter()
        .filter(|d| d.record_type() == kind)
        .map(|d| Record::from_rdata(name.clone(), 5, d))
        .collect()
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut to: R) -> ResponseInfo {
        let query = request.request_info().unwrap().query;
        let name = query.name().to_string().trim_end_matches('.').to_lowercase();
        let kind = query.query_type();
        self.asked
            .send_modify(|asked| *asked.entry(format!("{name} {kind}")).or_default() += 1);
        let says = self.says(&name);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        if let Says::Code(code) = says {
            metadata.response_code = code;
        }
        if matches!(says, Says::BrokenV6(_)) && kind == RecordType::AAAA {
            metadata.response_code = ResponseCode::ServFail;
        }
        if matches!(says, Says::Silence) {
            return ResponseInfo::from(Header {
                metadata,
                counts: HeaderCounts::default(),
            });
        }
        let records = records(&says, &Name::from(query.name()), kind);
        let response = MessageResponseBuilder::from_message_request(request).build(metadata, &records, [], [], []);
        to.send_response(response).await.unwrap()
    }
}
