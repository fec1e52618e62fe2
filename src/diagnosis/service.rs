//! The cloud services whose refusals have causes of their own, told by the server's name.

/// A service at the far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `<prefix>-ats.iot.<region>.amazonaws.com`.
    AwsIotCore,
    /// `<hub>.azure-devices.net`.
    AzureIotHub,
    /// `<namespace>.<region>-1.ts.eventgrid.azure.net`.
    AzureEventGrid,
    /// `<id>.s1.eu.hivemq.cloud`.
    HiveMqCloud,
    /// `<id>.ala.eu-central-1.emqxsl.com` and `<id>.emqx.cloud`.
    EmqxCloud,
}

impl Service {
    /// The service that a server name belongs to.
    #[must_use]
    pub fn of(server_name: &str) -> Option<Self> {
        let name = server_name.trim_end_matches('.');
        let below = |domain| is_below(name, domain);
        let aws = below("amazonaws.com") || below("amazonaws.com.cn");
        if aws && name.split('.').skip(1).any(|label| label.eq_ignore_ascii_case("iot")) {
            Some(Self::AwsIotCore)
        } else if below("azure-devices.net") || below("azure-devices.cn") {
            Some(Self::AzureIotHub)
        } else if below("eventgrid.azure.net") {
            Some(Self::AzureEventGrid)
        } else if below("hivemq.cloud") {
            Some(Self::HiveMqCloud)
        } else if below("emqxsl.com") || below("emqxsl.cn") || below("emqx.cloud") {
            Some(Self::EmqxCloud)
        } else {
            None
        }
    }

    /// Its name, as the headings of the rules' documentation have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwsIotCore => "AWS IoT Core",
            Self::AzureIotHub => "Azure IoT Hub",
            Self::AzureEventGrid => "Azure Event Grid",
            Self::HiveMqCloud => "HiveMQ Cloud",
            Self::EmqxCloud => "EMQX Cloud",
        }
    }
}

/// Whether the name has labels in front of these, without regard to case.
fn is_below(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.as_bytes(), domain.as_bytes());
    let front = name.len().checked_sub(domain.len()).and_then(|length| name.split_at_checked(length));
    front.is_some_and(|(labels, rest)| labels.ends_with(b".") && rest.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_told_by_their_names() {
        assert_eq!(Service::of("a1b2c3-ats.iot.eu-central-1.amazonaws.com"), Some(Service::AwsIotCore));
        assert_eq!(Service::of("a1b2c3.ats.iot.cn-north-1.amazonaws.com.cn"), Some(Service::AwsIotCore));
        assert_eq!(Service::of("s3.eu-central-1.amazonaws.com"), None);
        assert_eq!(Service::of("Hub.azure-devices.net."), Some(Service::AzureIotHub));
        assert_eq!(Service::of("ns.westeurope-1.ts.eventgrid.azure.net"), Some(Service::AzureEventGrid));
        assert_eq!(Service::of("abc.s1.eu.hivemq.cloud"), Some(Service::HiveMqCloud));
        assert_eq!(Service::of("x.ala.eu-central-1.emqxsl.com"), Some(Service::EmqxCloud));
        assert_eq!(Service::of("broker.example"), None);
        assert_eq!(Service::of("notamazonaws.com"), None);
    }
}
