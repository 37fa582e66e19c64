<?php
// A calendar server of sabre/dav, which Nextcloud and Baikal use. The database is named by the environment variable SABRE_DATABASE.
// PHP 8 deprecates much of what this version of sabre/dav uses.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_NOTICE & ~E_WARNING);
ini_set('display_errors', '0');
date_default_timezone_set('UTC');
require_once 'Sabre/autoload.php';
foreach (array('Sabre/VObject/includes.php', 'Sabre/VObject/autoload.php') as $file) {
    if (stream_resolve_include_path($file)) {
        require_once $file;
        break;
    }
}

class PasswordFile extends \Sabre\DAV\Auth\Backend\AbstractBasic {
    protected function validateUserPass($username, $password) {
        return $password === 'secret';
    }
}

$pdo = new \PDO('sqlite:' . getenv('SABRE_DATABASE'));
$pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$principals = new \Sabre\DAVACL\PrincipalBackend\PDO($pdo);
$calendars = new \Sabre\CalDAV\Backend\PDO($pdo);
$server = new \Sabre\DAV\Server(array(
    new \Sabre\CalDAV\Principal\Collection($principals),
    new \Sabre\CalDAV\CalendarRootNode($principals, $calendars),
));
$server->setBaseUri('/');
$server->addPlugin(new \Sabre\DAV\Auth\Plugin(new PasswordFile(), 'test'));
$server->addPlugin(new \Sabre\DAVACL\Plugin());
$server->addPlugin(new \Sabre\CalDAV\Plugin());
$server->addPlugin(new \Sabre\CalDAV\ICSExportPlugin());
$server->exec();
