-- Demo: twelve items of a province, three each of a ministry and the nation.
-- Codes, persons and addresses are invented; times as a demonstration.
-- psql variable platform: national, shandong or transport.

BEGIN;

CREATE TEMP TABLE demo_item (
    key text, catalog text, name text, type text, basis text, article text,
    objects text, topics text, keywords text, legal int, promise int,
    level int, visits int, visit_reason text, depth text,
    result_type text, result text, heat int, condition text
) ON COMMIT DROP;

INSERT INTO demo_item VALUES
('individual', '000199001000', '个体工商户注册登记', '01',
    '《促进个体工商户发展条例》', '第十条', '1', 'u06', '开店,摆摊,办执照', 3, 0,
    1, 0, NULL, '1,2,3,4,5,6', '10', '营业执照', 860,
    '有经营能力的公民，有确定的经营场所和经营范围，名称未与他人重复。'),
('food', '000199002000', '食品经营许可（新办）', '01',
    '《中华人民共和国食品安全法》', '第三十五条', '1,2', 'u07,c02',
    '开饭店,开餐馆,饭馆,餐厅,餐饮证,卫生证', 10, 5, 1, 0, NULL, '1,2,3,4,5,6', '10',
    '食品经营许可证', 940,
    '已取得营业执照；经营场所与有毒、有害场所保持规定距离；有与经营相适应的设备、布局和食品安全管理制度。'),
('hygiene', '000199003000', '公共场所卫生许可', '01',
    '《公共场所卫生管理条例》', '第四条', '1,2', 'u07,c02',
    '理发店,美容院,旅馆', 20, 5, 1, 0, NULL, '1,2,3,4,5,6', '10',
    '卫生许可证', 410,
    '场所的选址、设计和装修符合卫生要求，卫生检测合格，从业人员持有健康合格证明。'),
('signboard', '000199004000', '户外招牌设置', '01',
    '《城市市容和环境卫生管理条例》', '第十一条', '1,2,6', 'u07,c02',
    '店招,门头,广告牌', 20, 5, 1, 0, NULL, '1,2,3,4,5,6', '20',
    '准予户外招牌设置决定书', 370,
    '招牌设在本单位的经营场所，尺寸、位置和照明符合市容规范，不影响安全和通行。'),
('coach', '000199005000', '道路旅客运输经营许可', '01',
    '《中华人民共和国道路运输条例》', '第八条', '2', 'c17', '客运,班车,包车',
    20, 3, 3, 0, NULL, '1,2,3,4,5,6', '10', '道路运输经营许可证', 120,
    '有与业务相适应并经检测合格的车辆，有符合条件的驾驶人员，有健全的安全生产管理制度。'),
('freight', '000199006000', '道路货物运输经营许可', '01',
    '《中华人民共和国道路运输条例》', '第二十二条', '1,2', 'u17,c17',
    '货运,跑运输,货车', 20, 3, 1, 0, NULL, '1,2,3,4,5,6', '10',
    '道路运输经营许可证', 520,
    '有经检测合格的货运车辆，驾驶人员取得相应资格，有安全生产管理制度。'),
('driver', '000199007000', '机动车驾驶证期满换证', '01',
    '《中华人民共和国道路交通安全法实施条例》', '第二十六条', '1', 'u17,u16',
    '换驾照,驾照到期', 1, 0, 3, 0, NULL, '1,2,3,4,5,6', '10', '机动车驾驶证', 910,
    '驾驶证有效期满前九十日内提出，身体条件符合规定，没有未处理完毕的交通违法行为。'),
('residence', '000799008000', '居住证申领', '07', '《居住证暂行条例》', '第二条',
    '1', 'u02,u16', '暂住证,外地户口', 15, 7, 1, 0, NULL, '1,2,3,4,5,6', '10',
    '居住证', 780,
    '离开常住户口所在地到其他城市居住半年以上，有合法稳定就业、合法稳定住所或者连续就读情形之一。'),
('social', '002099009000', '社会保障卡申领', '20',
    '《中华人民共和国社会保险法》', '第五十八条', '1', 'u15,u16',
    '社保卡,医保卡', 0, 0, 1, 0, NULL, '1,2,3,4,5,6', '10', '社会保障卡', 990,
    '已在本地参加社会保险或者办理社会保障登记，尚未持有社会保障卡。'),
('fund', '002099010000', '住房公积金提取（租房）', '20',
    '《住房公积金管理条例》', '第二十四条', '1', 'u14', '公积金,房租', 3, 0,
    1, 0, NULL, '1,2,3,4,5,6', '99', '提取到账通知', 880,
    '连续足额缴存住房公积金满三个月，本人及配偶在缴存城市没有自有住房并且租赁住房。'),
('birth', '002099011000', '生育登记', '20',
    '《中华人民共和国人口与计划生育法》', '第十八条', '1', 'u01', '准生证,怀孕',
    0, 0, 1, 0, NULL, '1,2,3,4,5,6', '99', '生育登记单', 640,
    '夫妻或者单方有生育意愿或者已经怀孕，一方户籍地或者现居住地在本辖区。'),
('marriage', '000799012000', '结婚登记', '07', '《中华人民共和国民法典》',
    '第一千零四十九条', '1', 'u11', '领证,结婚证', 0, 0, 3, 1,
    '法律规定男女双方应当亲自到婚姻登记机关申请。', '1,2,3', '10', '结婚证', 830,
    '男女双方自愿，男不早于二十二周岁、女不早于二十周岁，双方均无配偶，没有禁止结婚的亲属关系。'),
('oversize', '000199013000', '超限运输车辆行驶公路许可', '01',
    '《公路安全保护条例》', '第三十五条', '2', 'c17', '大件运输', 20, 5, 3, 0,
    NULL, '1,2,3,4,5,6', '10', '超限运输车辆通行证', 210,
    '运输不可解体的物品，车辆和装载方案符合安全要求，通行路线经确认可行。'),
('medical', '002099014000', '异地就医备案', '20',
    '《中华人民共和国社会保险法》', '第二十九条', '1', 'u27,u15',
    '跨省看病,医保备案', 0, 0, 1, 0, NULL, '1,2,3,4,5,6', '99', '异地就医备案回执', 700,
    '已参加基本医疗保险，需要在参保地以外居住、工作或者就医。');


CREATE TEMP TABLE demo_material (
    key text, code text, name text, need text, source text, issuer text,
    help text
) ON COMMIT DROP;

INSERT INTO demo_material VALUES
('individual', 'M01', '个体工商户登记申请书', '1', '10', NULL,
    '到窗口领取空白表格，填写签名后拍照'),
('individual', 'M02', '经营者身份证明', '1', '10', NULL, '身份证正反面，四角完整，文字清楚'),
('individual', 'M03', '经营场所使用证明', '1', '10', NULL, '房产证复印件或者租赁合同首页和签字页'),
('food', 'M01', '食品经营许可申请书', '1', '10', NULL, '按填表说明逐项填写，经营者签名'),
('food', 'M02', '主要设备设施布局和操作流程图', '1', '10', NULL,
    '标明各功能区的位置、面积和食品流向，手绘也可以'),
('food', 'M03', '食品安全规章制度清单', '1', '10', NULL, '列出制度名称，经营者签名'),
('food', 'M04', '营业执照', '1', '20', '市场监督管理部门', '由本机关通过数据共享核验，可以不提交'),
('hygiene', 'M01', '卫生许可申请表', '1', '10', NULL, '经营者签名'),
('hygiene', 'M02', '场所平面图和卫生设施布局图', '1', '10', NULL, '标明消毒间、通风口和面积'),
('hygiene', 'M03', '卫生检测或者评价报告', '1', '10', NULL, '一年以内，有检测机构印章'),
('signboard', 'M01', '户外招牌设置申请表', '1', '10', NULL, '写明尺寸、材质和照明方式'),
('signboard', 'M02', '设置效果图', '1', '10', NULL, '正面实景照片上标出招牌位置和尺寸'),
('signboard', 'M03', '场地权属或者使用证明', '1', '10', NULL, '房产证或者租赁合同'),
('coach', 'M01', '道路旅客运输经营申请表', '1', '10', NULL, '法定代表人签名并盖章'),
('coach', 'M02', '企业章程', '1', '10', NULL, '与登记机关备案的文本一致'),
('coach', 'M03', '安全生产管理制度文本', '1', '10', NULL, '包括驾驶人员、车辆和动态监控制度'),
('coach', 'M04', '车辆承诺书', '1', '10', NULL, '写明数量、类型、座位数和投入时间'),
('coach', 'M05', '驾驶人员从业资格证', '1', '20', '交通运输主管部门', '由本机关核验，可以不提交'),
('freight', 'M01', '道路货物运输经营申请表', '1', '10', NULL, '申请人签名'),
('freight', 'M02', '车辆行驶证和检测合格证明', '1', '10', NULL, '每辆车一份'),
('freight', 'M03', '安全生产管理制度文本', '1', '10', NULL, '可以使用示范文本'),
('driver', 'M01', '机动车驾驶证申请表', '1', '10', NULL, '本人签名'),
('driver', 'M02', '身体条件证明', '1', '20', '医疗机构', '医疗机构已上传的不用提交'),
('driver', 'M03', '证件照片', '1', '10', NULL, '白底彩色一寸照片，近六个月内拍摄'),
('residence', 'M01', '居民身份证', '1', '10', NULL, '正反面，四角完整'),
('residence', 'M02', '证件照片', '1', '10', NULL, '白底彩色照片，近六个月内拍摄'),
('residence', 'M03', '居住、就业或者就读证明', '1', '10', NULL,
    '租赁合同、劳动合同、学生证等，任选一种'),
('social', 'M01', '居民身份证', '1', '10', NULL, '正反面，四角完整，文字清楚'),
('social', 'M02', '证件照片', '1', '10', NULL, '白底彩色照片，近六个月内拍摄'),
('fund', 'M01', '居民身份证', '1', '10', NULL, '本人的；已婚的同时提交配偶的'),
('fund', 'M02', '无房查询结果', '1', '20', '不动产登记机构', '由本机关核验，可以不提交'),
('fund', 'M03', '房屋租赁合同', '2', '10', NULL, '提取金额超过规定限额时提交'),
('birth', 'M01', '夫妻双方居民身份证', '1', '10', NULL, '单方登记的提交一方的'),
('birth', 'M02', '结婚证', '2', '20', '民政部门', '由本机关核验，可以不提交'),
('marriage', 'M01', '双方居民身份证', '1', '10', NULL, '到场时出示原件'),
('marriage', 'M02', '申请结婚登记声明书', '1', '10', NULL, '到场后在登记员面前签名'),
('marriage', 'M03', '双方近期合影', '1', '10', NULL, '红底二寸半身免冠合影'),
('oversize', 'M01', '超限运输申请表', '1', '10', NULL, '写明货物、车辆、路线和时间'),
('oversize', 'M02', '车货总体外廓尺寸装载图', '1', '10', NULL, '标明总长、总宽、总高和轴荷'),
('oversize', 'M03', '车辆行驶证', '1', '20', '公安机关', '由本机关核验，可以不提交'),
('medical', 'M01', '居民身份证', '1', '10', NULL, '正反面，四角完整'),
('medical', 'M02', '异地就医备案表', '1', '10', NULL, '本人签名');


CREATE TEMP TABLE demo_field (
    key text, name text, label text, type text, required boolean,
    options text, hint text
) ON COMMIT DROP;

INSERT INTO demo_field VALUES
('individual', 'shop_name', '拟用名称', 'line', true, NULL, '例如：历下区演示小吃店'),
('individual', 'scope', '经营范围', 'text', true, NULL, NULL),
('individual', 'address', '经营场所', 'line', true, NULL, NULL),
('individual', 'employees', '从业人数', 'integer', false, NULL, NULL),
('food', 'shop_name', '经营者名称', 'line', true, NULL, '与营业执照一致'),
('food', 'kind', '主体业态', 'choice', true, '餐饮服务,食品销售,单位食堂', NULL),
('food', 'address', '经营场所', 'line', true, NULL, NULL),
('food', 'area', '面积（平方米）', 'integer', true, NULL, NULL),
('hygiene', 'shop_name', '场所名称', 'line', true, NULL, NULL),
('hygiene', 'kind', '场所类别', 'choice', true, '住宿,沐浴,美容美发,游泳,其他', NULL),
('hygiene', 'address', '场所地址', 'line', true, NULL, NULL),
('signboard', 'words', '招牌文字', 'line', true, NULL, NULL),
('signboard', 'size', '尺寸（长×高，厘米）', 'line', true, NULL, '例如：600×120'),
('signboard', 'light', '照明方式', 'choice', true, '内发光,外打光,不发光', NULL),
('signboard', 'address', '设置地点', 'line', true, NULL, NULL),
('coach', 'kind', '经营种类', 'choice', true, '班车客运,包车客运,旅游客运', NULL),
('coach', 'vehicles', '拟投入车辆数', 'integer', true, NULL, NULL),
('coach', 'route', '拟经营线路', 'line', false, NULL, NULL),
('freight', 'kind', '经营种类', 'choice', true, '普通货运,货物专用运输,大型物件运输', NULL),
('freight', 'vehicles', '车辆数', 'integer', true, NULL, NULL),
('freight', 'parking', '停车场地', 'line', false, NULL, NULL),
('driver', 'class', '准驾车型', 'choice', true, 'C1,C2,B1,B2,A1,A2', NULL),
('driver', 'expires', '有效期至', 'date', true, NULL, NULL),
('driver', 'post', '领取方式', 'choice', true, '邮寄,窗口领取', NULL),
('residence', 'address', '现居住地址', 'line', true, NULL, NULL),
('residence', 'since', '居住起始日期', 'date', true, NULL, '应当满半年'),
('residence', 'reason', '居住事由', 'choice', true, '就业,居住,就读', NULL),
('social', 'kind', '申领类型', 'choice', true, '首次申领,未成年人代领', NULL),
('social', 'bank', '合作银行', 'choice', true, '演示银行甲,演示银行乙', NULL),
('social', 'address', '邮寄地址', 'line', false, NULL, '不填的到服务网点领取'),
('fund', 'rent', '月租金（元）', 'integer', true, NULL, NULL),
('fund', 'married', '婚姻状况', 'choice', true, '未婚,已婚,离异,丧偶', NULL),
('fund', 'address', '租住地址', 'line', true, NULL, NULL),
('birth', 'order', '生育次序', 'choice', true, '第一个,第二个,第三个及以上', NULL),
('birth', 'due', '预产期', 'date', false, NULL, NULL),
('marriage', 'day', '预约日期', 'date', true, NULL, '工作日'),
('marriage', 'partner', '对方姓名', 'line', true, NULL, NULL),
('oversize', 'cargo', '货物名称', 'line', true, NULL, NULL),
('oversize', 'route', '通行路线', 'text', true, NULL, NULL),
('oversize', 'day', '起运日期', 'date', true, NULL, NULL),
('medical', 'place', '就医地', 'line', true, NULL, '写到市'),
('medical', 'reason', '备案类型', 'choice', true,
    '异地长期居住,临时外出就医,转诊就医', NULL),
('medical', 'since', '备案开始日期', 'date', true, NULL, NULL);


CREATE TEMP TABLE demo_question (key text, question text, answer text)
    ON COMMIT DROP;

INSERT INTO demo_question VALUES
('individual', '没有店面可以登记吗？', '在家经营或者网上经营的，可以用住所或者平台提供的网络经营场所登记。'),
('individual', '名称能改吗？', '可以，登记后申请变更登记即可。'),
('food', '只卖预包装食品也要办吗？', '不用，办理仅销售预包装食品备案。'),
('food', '会到店里检查吗？', '申请餐饮服务的，受理后安排现场核查，核查时间包含在承诺期限内。'),
('hygiene', '多大的理发店需要办？', '对外营业的都需要办理，与面积无关。'),
('signboard', '换招牌内容要重新申请吗？', '位置和尺寸不变、只换文字的，告知本机关即可。'),
('coach', '个人能申请吗？', '不能，申请人应当是企业法人。'),
('freight', '4.5 吨以下的货车要办吗？', '总质量 4.5 吨及以下的普通货运车辆不用办理。'),
('driver', '可以提前多久换？', '有效期满前九十日内。'),
('driver', '人在外地能换吗？', '可以，全国通办。'),
('residence', '办好了多久要签注？', '每年签注一次，期满前一个月内办理。'),
('residence', '要收费吗？', '首次申领免费。'),
('social', '外地户口能办吗？', '能，在本地参加社会保险就可以。'),
('social', '多久能拿到卡？', '审核通过后当场制卡，选择邮寄的一般三日内送达。'),
('fund', '多久可以提取一次？', '每三个月可以提取一次。'),
('birth', '没有结婚能登记吗？', '能，生育登记不以结婚为条件。'),
('marriage', '户口不在本地可以吗？', '可以，结婚登记全国通办，不需要户口簿。'),
('oversize', '一次许可管多久？', '按申请的运输时间确定，最长不超过三个月。'),
('medical', '备案后多久生效？', '备案成功后当日生效。');


-- who offers what, where; by number of body and platform

CREATE TEMP TABLE demo_offer (n int, key text, body int, platform text)
    ON COMMIT DROP;

INSERT INTO demo_offer VALUES
(1, 'individual', 9, 'shandong'), (2, 'food', 2, 'shandong'),
(3, 'hygiene', 5, 'shandong'), (4, 'signboard', 3, 'shandong'),
(5, 'coach', 4, 'shandong'), (6, 'freight', 4, 'shandong'),
(7, 'driver', 10, 'shandong'), (8, 'residence', 7, 'shandong'),
(9, 'social', 12, 'shandong'), (10, 'fund', 11, 'shandong'),
(11, 'birth', 8, 'shandong'), (12, 'marriage', 6, 'shandong'),
(5, 'coach', 4, 'transport'), (6, 'freight', 4, 'transport'),
(13, 'oversize', 14, 'transport'),
(14, 'social', 15, 'national'), (15, 'medical', 15, 'national'),
(16, 'birth', 13, 'national');

INSERT INTO zwfw.item_catalog (code, name, type, basis, levels)
SELECT DISTINCT d.catalog, d.name, d.type, d.basis, '{1,2,3,4,5}'::text[]
  FROM demo_item d JOIN demo_offer o USING (key)
 WHERE o.platform = :'platform'
    ON CONFLICT DO NOTHING;


CREATE FUNCTION pg_temp.flow(promise int) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('stage', stage,
               'name', name, 'days', days)) ORDER BY n)
      FROM (VALUES (1, 'accept', '受理', NULL::int),
                   (2, 'review', '审核', greatest(promise - 1, 0)),
                   (3, 'approve', '审批', least(promise, 1)),
                   (4, 'close', '办结', NULL), (5, 'deliver', '送达', NULL))
           AS f (n, stage, name, days)
$$;

CREATE FUNCTION pg_temp.materials(item text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('code', code,
               'name', name, 'need', CASE source WHEN '20' THEN '2'
                                     ELSE need END,
               'format', '3', 'source', source, 'issuer', issuer,
               'sample', CASE source WHEN '10' THEN help END,
               'note', CASE source WHEN '20' THEN help END,
               'kinds', '["jpeg","png","pdf"]'::jsonb, 'files', 5))
               ORDER BY code)
      FROM demo_material WHERE key = item
$$;

CREATE FUNCTION pg_temp.form(item text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('name', f.name,
               'label', f.label, 'type', f.type, 'required', f.required,
               'options', to_jsonb(string_to_array(f.options, ',')),
               'size', CASE f.type WHEN 'line' THEN 100 WHEN 'text' THEN 500
                       WHEN 'integer' THEN 999999 END,
               'hint', f.hint)))
      FROM demo_field f WHERE f.key = item
$$;

CREATE FUNCTION pg_temp.guide(d demo_item, place text, area text, n int)
RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'accept_condition', d.condition, 'minutes', 10,
        'flow', pg_temp.flow(d.promise),
        'materials', pg_temp.materials(d.key), 'form', pg_temp.form(d.key),
        'fees', CASE d.key WHEN 'driver' THEN '[{"name": "驾驶证工本费",
            "amount": 1000, "unit": "本", "basis": "国家规定的收费目录"}]'::jsonb
            END,
        'pay_online', CASE d.key WHEN 'driver' THEN true END,
        'express', true, 'handle_area', '3', 'power_source', '1',
        'questions', (SELECT jsonb_agg(jsonb_build_object(
                                 'question', q.question, 'answer', q.answer))
                        FROM demo_question q WHERE q.key = d.key),
        'places', jsonb_build_array(jsonb_build_object('name',
            place || '政务服务大厅综合窗口', 'address', '演示路 ' || n || ' 号',
            'hours', '工作日 9:00–12:00，13:00–17:00',
            'phone', area || '-0000' || 1000 + n)),
        'phones', jsonb_build_object('consult', area || '-0000' || 1000 + n,
            'complain', area || '-0000' || 2000 + n),
        'basis', jsonb_build_array(jsonb_build_object('name', d.basis,
            'article', d.article)),
        'result', jsonb_build_object('result_type', d.result_type,
                                     'name', d.result),
        'visits', d.visits, 'visit_reason', d.visit_reason,
        'online_depth', to_jsonb(string_to_array(d.depth, ',')),
        'handle_types', '["1","2"]'::jsonb,
        'remedies', jsonb_build_object(
            'review', '自收到决定之日起六十日内，可以依法申请行政复议。',
            'litigation', '自收到决定之日起六个月内，可以依法提起行政诉讼。')))
$$;

INSERT INTO zwfw.items (id, code, version, state, catalog_code, name, type,
    body, level, region, project_type, anticipate_day, promise_day, fee,
    online, real_level, objects, topics, keywords, heat, guide)
SELECT ('019a0000-0000-7000-8001-' || lpad(o.n::text, 12, '0'))::uuid,
       b.credit_code || b.level || d.catalog, 1, 'approved', d.catalog,
       d.name, d.type, b.id, b.level::text, b.region,
       CASE WHEN d.promise = 0 THEN '1' ELSE '2' END, d.legal, d.promise,
       d.key = 'driver', d.visits = 0, d.level,
       string_to_array(d.objects, ','), string_to_array(d.topics, ','),
       string_to_array(d.keywords, ','), d.heat,
       pg_temp.guide(d, CASE b.level WHEN 1 THEN '国家' WHEN 2 THEN '省'
                        WHEN 3 THEN '市' ELSE '区' END,
                     CASE b.level WHEN 1 THEN '010' ELSE '0531' END, o.n)
  FROM demo_offer o
  JOIN demo_item d USING (key)
  JOIN zwfw.bodies b
    ON b.id = ('019a0000-0000-7000-8000-' || lpad(o.body::text, 12, '0'))::uuid
 WHERE o.platform = :'platform'
    ON CONFLICT DO NOTHING;

SELECT zwfw.item_check(i), zwfw.item_publish(i.id)
  FROM zwfw.items i
 WHERE i.state = 'approved' AND i.id::text LIKE '019a0000-0000-7000-8001-%';

COMMIT;
