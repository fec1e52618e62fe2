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
        let name = server_name.trim_end_matches('.').to_ascii_lowercase();
        let labels: Vec<&str> = name.split('.').collect();
        let ends_with = |suffix: &[&str]| labels.len() > suffix.len() && labels.ends_with(suffix);
        let aws = ends_with(&["amazonaws", "com"]) || ends_with(&["amazonaws", "com", "cn"]);
        if aws && labels.iter().skip(1).any(|label| *label == "iot") {
            Some(Self::AwsIotCore)
        } else if ends_with(&["azure-devices", "net"]) || ends_with(&["azure-devices", "cn"]) {
            Some(Self::AzureIotHub)
        } else if ends_with(&["eventgrid", "azure", "net"]) {
            Some(Self::AzureEventGrid)
        } else if ends_with(&["hivemq", "cloud"]) {
            Some(Self::HiveMqCloud)
        } else if ends_with(&["emqxsl", "com"]) || ends_with(&["emqxsl", "cn"]) || ends_with(&["emqx", "cloud"]) {
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
