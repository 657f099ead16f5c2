//! What requests say in words of their own: a reason, what is to be recovered, the number of a content, which format of
//! metrics is wanted.

#![no_main]

use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::exposition::MetricsFormat;
use gp_agent_core::log::printable::one_line;
use gp_agent_core::recovery::machine::model::Wish;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let text = String::from_utf8_lossy(body);
    let line = one_line(&text);
    assert!(line.len() <= text.len() && !line.contains(char::is_control));
    assert_eq!(one_line(&line), line);

    let wish = Wish::of(&line);
    assert_eq!(Wish::of(&wish.to_string()), wish);
    assert!(
        wish.pod
            .as_ref()
            .is_none_or(|pod| !pod.is_empty() && line.ends_with(pod.as_str()))
    );

    if let Ok(content) = text.parse::<ContentId>() {
        assert_eq!(content.to_string().parse(), Ok(content));
        assert!(content.to_string().len() <= text.len());
    }

    let format = MetricsFormat::accepted(&text);
    assert_eq!(MetricsFormat::accepted(&text.to_ascii_uppercase()), format);
    assert_eq!(MetricsFormat::accepted(&format!("text/plain,{text}")), format);
    let both = format!("{text},application/openmetrics-text");
    assert_eq!(MetricsFormat::accepted(&both), MetricsFormat::OpenMetrics);
});
